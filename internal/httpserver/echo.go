package httpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/metrics"
	"example.com/acme-dreams/internal/tracing"
	"example.com/acme-dreams/internal/wiretap"
)

// Settings is what the programs' servers differ in.
type Settings struct {
	Name      string // "authserver", "acme", "dreams"
	PublicURL environment.BaseURL
	Log       *slog.Logger
	Ready     func(context.Context) error // the database answers

	// TrustedProxies are whose X-Forwarded-For counts; nil: nobody's.
	TrustedProxies []netip.Prefix
	// Metrics counts the requests, nil: nobody does. ShowMetrics answers GET
	// /metrics with what was counted.
	Metrics     *metrics.Registry
	ShowMetrics bool

	// Error answers a request that failed: a page, a problem document, an OAuth
	// error, whatever the path calls for. The header is not yet written.
	Error func(c echo.Context, err error)

	// CrossOrigin tells which paths other sites may post to: protocol endpoints,
	// which no cookie opens.
	CrossOrigin func(path string) bool

	// Largest is how many bytes a path takes that takes more than others; 0: the
	// usual.
	Largest func(path string) int64

	// ConnectTo lists origins, besides our own, that scripts of a path may call.
	ConnectTo func(path string) []string
}

// maxBody is the largest request body that a program reads, but for uploads.
const maxBody = 1 << 20

func bodyTooLarge(limit int64) error {
	return echo.NewHTTPError(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d MiB", limit>>20))
}

// New returns the Echo that the programs put their routes on. What a browser
// must be told stands on every answer, errors included.
func New(s Settings) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = s.address()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			err = bodyTooLarge(tooLarge.Limit)
		}
		s.Error(c, err)
	}
	e.Pre(s.observe(e), s.recover, inOrder(s.securityHeaders(), s.refuseMalformed, s.publicHost(), s.crossOrigin()))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	if s.ShowMetrics && s.Metrics != nil {
		e.GET("/metrics", echo.WrapHandler(s.Metrics.Handler()))
	}
	e.GET("/readyz", func(c echo.Context) error {
		if err := s.Ready(c.Request().Context()); err != nil {
			s.Log.Warn("not ready", "error", err)
			return c.String(http.StatusServiceUnavailable, "the database does not work\n")
		}
		return c.String(http.StatusOK, "ok\n")
	})
	return e
}

// step is done to every request before the router sees it. It may refuse the
// request, or answer it.
type step func(echo.Context) error

// inOrder makes one middleware of the steps. Echo calls a middleware again for
// every request: what a step prepares in it would be prepared each time.
func inOrder(steps ...step) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			for _, do := range steps {
				if err := do(c); err != nil || c.Response().Committed {
					return err
				}
			}
			return next(c)
		}
	}
}

// address tells where a request comes from. X-Forwarded-For is anybody's word:
// it counts from the right, each entry as long as whoever wrote it is trusted.
func (s Settings) address() echo.IPExtractor {
	if len(s.TrustedProxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range s.TrustedProxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// clientKey is where a handler leaves the client_id that it verified.
const clientKey = "httpserver.client"

// Client notes whose request it is, for the log. The client must have been
// authenticated: anybody can claim a name.
func Client(c echo.Context, id string) { c.Set(clientKey, id) }

// observe counts a request and at debug level logs it. The log has the route
// and not the address: what a path or a query holds may be a secret.
func (s Settings) observe(e *echo.Echo) echo.MiddlewareFunc {
	requests := s.Metrics.Requests()
	routes := sync.OnceValue(func() map[string]string { // complete when the first request comes
		all := map[string]string{}
		for _, r := range e.Routes() {
			all[r.Path], all[r.Method+r.Path] = r.Name, r.Name
		}
		return all
	})
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			took, r, status, route := time.Since(start), c.Request(), c.Response().Status, c.Path()
			if _, known := routes()[route]; !known {
				route = "other" // where there is none Echo gives the path as it came
			}
			wiretap.Routed(r.Context(), route, routes()[r.Method+route])
			requests.Observe(route, r.Method, status, took)
			tracing.Route(r.Context(), r.Method, route)
			if !s.Log.Enabled(r.Context(), slog.LevelDebug) {
				return nil
			}
			line := []any{"method", r.Method, "route", route, "status", status, "took", took}
			if id, ok := c.Get(clientKey).(string); ok {
				line = append(line, "client_id", id)
			}
			if id := tracing.ID(r.Context()); id != "" {
				line = append(line, "trace_id", id)
			}
			s.Log.DebugContext(r.Context(), "request", line...)
			return nil
		}
	}
}

// recover makes an error of a panic. Where the answer has begun it is broken
// off: the half that was sent must not pass for a whole one.
func (s Settings) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler {
				s.Log.Error("panic", "path", c.Request().URL.Path, "panic", p, "stack", string(debug.Stack()))
			}
			if p == http.ErrAbortHandler || c.Response().Committed {
				panic(http.ErrAbortHandler)
			}
			err = fmt.Errorf("panic: %v", p)
		}()
		return next(c)
	}
}

// securityHeaders are RFC 9700 §4.16 (clickjacking), §4.2.4 (referrer) and the
// usual ones. Everything is forbidden first and our own origin let in after.
func (s Settings) securityHeaders() step {
	always := http.Header{
		"Content-Security-Policy": {contentSecurityPolicy("'self'", "'self'")},
		"X-Frame-Options":         {"DENY"},
		"X-Content-Type-Options":  {"nosniff"},
		// Not no-referrer: that would turn a form's Origin into "null".
		"Referrer-Policy": {"same-origin"},
		"Cache-Control":   {"no-store"},
	}
	if s.PublicURL.Secure() {
		always.Set("Strict-Transport-Security", "max-age=31536000")
	}
	return func(c echo.Context) error {
		h := c.Response().Header()
		maps.Copy(h, always) // shared values: Set and Add put others in their place
		if s.ConnectTo == nil {
			return nil
		}
		if origins := s.ConnectTo(c.Request().URL.Path); len(origins) > 0 {
			h.Set("Content-Security-Policy", contentSecurityPolicy("'self' "+strings.Join(origins, " "), "'self'"))
		}
		return nil
	}
}

func contentSecurityPolicy(connect, formAction string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src " + connect +
		"; form-action " + formAction + "; frame-ancestors 'none'; base-uri 'none'"
}

// AllowFormAction lets a page's form end at another origin: a browser applies
// form-action to the redirect that answers a POST as well. origin must come
// from a redirect URI that was checked.
func AllowFormAction(c echo.Context, origin string) {
	c.Response().Header().Set("Content-Security-Policy", contentSecurityPolicy("'self'", "'self' "+origin))
}

// refuseMalformed answers what no handler could read: a query or a form that
// does not decode would otherwise lose parameters silently, and a body in an
// encoding that nobody asked for may be a bomb.
func (s Settings) refuseMalformed(c echo.Context) error {
	r := c.Request()
	if r.URL.RawQuery != "" {
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "the query is not application/x-www-form-urlencoded: "+err.Error())
		}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "send the body without Content-Encoding")
	}
	limit := int64(maxBody)
	if s.Largest != nil {
		limit = max(limit, s.Largest(r.URL.Path))
	}
	if r.ContentLength > limit {
		return bodyTooLarge(limit)
	}
	if r.Body != nil && r.Body != http.NoBody {
		// Echo's own writer would not let it end the connection, and the server
		// would wait for the rest.
		r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, limit)
		if strings.HasPrefix(r.Header.Get(echo.HeaderContentType), echo.MIMEApplicationForm) {
			return refuseMalformedForm(r)
		}
	}
	return nil
}

// refuseMalformedForm reads a form ahead, also for handlers that would not look
// at it: no endpoint does what a form asks that says something unreadable.
func refuseMalformedForm(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !decodes(body) {
		return echo.NewHTTPError(http.StatusBadRequest, "the body is not application/x-www-form-urlencoded: a percent sign without two hexadecimal digits, or a semicolon")
	}
	return nil
}

// decodes tells whether url.ParseQuery will read a form, without doing its work.
func decodes(form []byte) bool {
	for i, b := range form {
		if b == ';' || (b == '%' && (i+2 >= len(form) || !hexadecimal(form[i+1]) || !hexadecimal(form[i+2]))) {
			return false
		}
	}
	return true
}

func hexadecimal(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// publicHost leads a page that was asked for under another name of this
// computer to the public one, so that no flow loses its cookie half-way. The
// port must be the public URL's: at another one the request came through a
// proxy that rewrote Host, and would come back the same way for ever.
func (s Settings) publicHost() step {
	publicHost, publicPort, _ := net.SplitHostPort(s.PublicURL.Address())
	leads := s.PublicURL.Loopback() && !s.PublicURL.Secure()
	return func(c echo.Context) error {
		r := c.Request()
		if !leads || (r.Method != http.MethodGet && r.Method != http.MethodHead) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			return nil
		}
		host, port, _ := net.SplitHostPort(environment.BaseURL("http://" + r.Host).Address())
		if strings.EqualFold(host, publicHost) || port != publicPort || !environment.LoopbackHost(host) {
			return nil
		}
		return c.Redirect(http.StatusSeeOther, s.PublicURL.String()+r.URL.RequestURI())
	}
}

// crossOrigin refuses a form that another site sent. The standard library's
// check reads Sec-Fetch-Site and Origin; what sends neither is no browser.
func (s Settings) crossOrigin() step {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(s.PublicURL.String()); err != nil {
		panic(err) // the environment checked the URL
	}
	return func(c echo.Context) error {
		err := protection.Check(c.Request())
		if err == nil || (s.CrossOrigin != nil && s.CrossOrigin(c.Request().URL.Path)) {
			return nil
		}
		return echo.NewHTTPError(http.StatusForbidden, "this form was sent from another site")
	}
}
