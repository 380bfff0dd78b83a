package tv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/session"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/views"
)

// ClientID is who the television is to the authorization server.
const ClientID = "dreams-tv"

// Scopes is what it asks for.
var Scopes = []string{"profile", "packages:read", "preferences:read", "offline_access"}

// Television answers the requests for /tv.
type Television struct {
	Env    environment.Environment
	Log    *slog.Logger
	Now    func() time.Time
	Random io.Reader
	Back   http.RoundTripper

	Device     *flow.DeviceCode
	Refresh    *flow.RefreshToken
	Revocation *flow.Revocation

	sets sets
}

// New puts a television together. It asks nobody anything yet.
func New(env environment.Environment, log *slog.Logger, now func() time.Time, random io.Reader, back http.RoundTripper, server *flow.AuthorizationServer) *Television {
	client := flow.Client{ID: ClientID} // public: a television keeps no secret
	t := &Television{
		Env: env, Log: log, Now: now, Random: random, Back: back,
		Device:     &flow.DeviceCode{Server: server, Client: ClientID, Scopes: Scopes, Now: now},
		Revocation: &flow.Revocation{Server: server, Client: client},
	}
	t.Refresh = &flow.RefreshToken{Server: server, Client: client, Connections: &t.sets, Revocation: t.Revocation, Now: now}
	return t
}

// Handler is a request with the frame of its page.
type Handler func(c echo.Context, frame func(title string) views.Frame) error

// Route is one line of the route table.
type Route struct {
	Method, Path  string
	Handler       Handler
	Specification string
}

// Routes is the route table.
func (t *Television) Routes() []Route {
	return []Route{
		{http.MethodGet, "/tv", t.show, "RFC 8628 §3.3"},
		{http.MethodPost, "/tv", t.begin, "RFC 8628 §3.1"},
		{http.MethodPost, "/tv/ask", t.askNow, "RFC 8628 §3.5"},
		{http.MethodPost, "/tv/off", t.off, "RFC 7009 §2.1"},
	}
}

// show is the screen.
func (t *Television) show(c echo.Context, frame func(string) views.Frame) error {
	ctx, now := c.Request().Context(), t.Now()
	id := t.id(c)
	one, found := t.sets.look(id, now)
	v := page.TVView{Off: !found, Dreams: t.Env.DreamsURL.String()}
	if found && one.stage == on {
		evening, err := t.evening(ctx, id, one.tokens.Scope)
		if err != nil && !errors.Is(err, flow.ErrEnded) {
			return err
		}
		if v.Evening = &evening; err != nil {
			v.Evening = nil
			one, _ = t.sets.look(id, now) // it has ended under our hands
		}
	}
	switch {
	case !found || v.Evening != nil:
	case one.stage == waiting:
		v.Waiting = t.waiting(one, now)
		// The page opens itself again: no script needed.
		c.Response().Header().Set("Refresh", strconv.Itoa(refresh(one, now)))
	default:
		v.Over = over(one)
	}
	f := frame("Dreams on your television")
	f.Crumbs = []views.Link{{Label: "Learn", Href: "/learn"}, {Label: "Device code", Href: "/learn/device-code"}, {Label: "The television", Current: true}}
	return render(c, http.StatusOK, page.TV(f, v))
}

func (t *Television) waiting(one set, now time.Time) *page.TVWaiting {
	path, side := picture(one.device.VerificationURIComplete)
	w := &page.TVWaiting{
		Code: one.device.UserCode, Address: bare(one.device.VerificationURI), Phone: one.device.VerificationURIComplete,
		Picture: path, Side: side,
		Until: one.device.ExpiresAt.In(now.Location()).Format("15:04:05"), Left: left(one.device.ExpiresAt.Sub(now)),
		Every: int(one.device.Interval / time.Second), Asked: one.asked, Answer: one.answer, Words: one.words,
		SlowedDown: one.answer == "slow_down",
	}
	if w.Phone == "" {
		w.Phone = one.device.VerificationURI
	}
	return w
}

// refresh is in how many seconds the page should look again: soon after the
// next answer.
func refresh(one set, now time.Time) int {
	wait := one.next.Sub(now) + time.Second
	return int(max(2*time.Second, min(wait, 10*time.Second)) / time.Second)
}

// over is what the screen says when there is nothing more to wait for.
func over(one set) *page.TVOver {
	switch one.stage {
	case denied:
		return &page.TVOver{Heading: "Somebody said no", Words: "On the phone, the answer was no. The television got nothing, not even a name.", Answer: "access_denied"}
	case expired:
		return &page.TVOver{Heading: "The code has expired", Words: "Nobody said yes in time, and the television has stopped asking.", Answer: "expired_token"}
	case ended:
		return &page.TVOver{Heading: "You stopped sharing", Words: "The permission was taken back or has run out. The television has forgotten its tokens."}
	}
	return &page.TVOver{Heading: "This television is not welcome", Words: one.words, Answer: one.answer}
}

// begin asks for a code and shows it.
func (t *Television) begin(c echo.Context, _ func(string) views.Frame) error {
	ctx := c.Request().Context()
	device, err := t.Device.Start(ctx)
	if err != nil {
		return err
	}
	id, err := flow.Unguessable(t.Random) // a new one each time: nobody can have planted it
	if err != nil {
		return err
	}
	t.giveBack(ctx, t.sets.off(t.id(c)))
	t.giveBack(ctx, t.sets.put(id, device, t.Now()))
	c.SetCookie(&http.Cookie{
		Name: t.cookie(), Value: id, Path: "/", HttpOnly: true, Secure: t.Env.DreamsURL.Secure(), SameSite: http.SameSiteLaxMode,
	})
	return t.see(c)
}

// A television outlives the session of a visitor, so it has a cookie of its own.
func (t *Television) cookie() string {
	return session.CookieName("dreams_tv", t.Env.DreamsURL.Secure())
}

// id is which television asks; empty: none that was ever on.
func (t *Television) id(c echo.Context) string {
	cookie, err := c.Cookie(t.cookie())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// askNow is the impatient button: it asks before the interval is over, and the
// authorization server answers slow_down.
func (t *Television) askNow(c echo.Context, _ func(string) views.Frame) error {
	ctx := c.Request().Context()
	// The answer belongs to the television: it must not be lost with a browser
	// that does not wait for it.
	t.poll(context.WithoutCancel(ctx), t.id(c))
	return t.see(c)
}

// off gives the tokens back and forgets the code.
func (t *Television) off(c echo.Context, _ func(string) views.Frame) error {
	ctx := c.Request().Context()
	t.giveBack(context.WithoutCancel(ctx), t.sets.off(t.id(c)))
	return t.see(c)
}

func (t *Television) see(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, t.Env.DreamsURL.String()+"/tv")
}

// bare is an address as a person types it: browsers add the scheme.
func bare(address string) string {
	return strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://")
}

// left is "9 min 41 s".
func left(d time.Duration) string {
	seconds := int(max(d, 0) / time.Second)
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}

func render(c echo.Context, status int, content templ.Component) error {
	var html bytes.Buffer
	if err := content.Render(c.Request().Context(), &html); err != nil {
		return err
	}
	return c.HTMLBlob(status, html.Bytes())
}
