package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/dreams/travelapi"
)

// justNow is for how long a connection is new to its person.
const justNow = 10 * time.Minute

// offers reads what the person shares, makes offers of it, and writes the
// letter where there is to be one.
func (s *Site) offers(c echo.Context, v visitor) error {
	if !v.Known() {
		return render(c, http.StatusOK, page.Invitation(s.frame(c, v, "Offers"), s.asked()))
	}
	if v.Connection.Ended() {
		return s.ended(c, v)
	}
	ctx := c.Request().Context()
	m, away, err := s.gather(ctx, v.Connection)
	if errors.Is(err, flow.ErrEnded) {
		return s.ended(c, v)
	}
	if login := (*travelapi.InsufficientAuthentication)(nil); errors.As(err, &login) {
		return s.signInAgain(c, login)
	}
	if err != nil {
		return err
	}
	if m.Name != "" {
		v.Connection.Name = m.Name // the frame greets by it at once
	}
	view := page.OffersView{Now: s.Now(), Away: away}
	if s.Now().Sub(v.Connection.ConnectedAt) < justNow {
		view.Receipt = s.connectedApps()
	}
	status := http.StatusOK
	switch {
	case away != "":
		if status, err = s.offersWithout(ctx, v, m, &view); err != nil {
			return err
		}
	default:
		made := offers.Make(m, s.Now())
		view.Offers = &made
		if view.Letter, err = s.keep(ctx, v, m, made); err != nil {
			return err
		}
	}
	return render(c, status, page.OffersPage(s.frame(c, v, "Offers"), view))
}

// offersWithout is what can be shown while Acme is away: the last offers, or
// new ones of the last catalogue alone, or the news that there is nothing.
func (s *Site) offersWithout(ctx context.Context, v visitor, m offers.Material, view *page.OffersView) (status int, err error) {
	last, found, err := s.Store.LastOffers(ctx, v.Connection.ID)
	switch {
	case err != nil:
		return 0, err
	case found:
		view.Offers = &last
	case len(m.Packages) > 0:
		made := offers.Make(m, s.Now())
		view.Offers, view.Away = &made, "" // each fact says when it was read, and what could not be
	default:
		return http.StatusServiceUnavailable, nil
	}
	return http.StatusOK, nil
}

// ended shows the page of a connection that is over. It reads the connection
// again: it may have ended a moment ago, under our hands.
func (s *Site) ended(c echo.Context, v visitor) error {
	connection, found, err := s.Store.ConnectionOf(c.Request().Context(), v.Person)
	if err != nil {
		return err
	}
	if !found || !connection.Ended() { // disconnected, or connected anew, in another tab
		return s.see(c, "/")
	}
	view := page.EndedView{ConnectedApps: s.connectedApps(),
		Heading: "You stopped sharing",
		Lead:    "Acme told us that our permission is gone: you took it back there, or it ran out. So there are no new offers.",
	}
	if connection.EndedReason == flow.EndedExpired {
		view.Heading = "The hour is over"
		view.Lead = "You did not let us come back alone, so our access ended by itself. Connect again and we look again."
	}
	if view.Deletions, err = s.deletions(c.Request().Context(), v); err != nil {
		return err
	}
	return render(c, http.StatusOK, page.Ended(s.frame(c, v, view.Heading), view))
}

// gather reads everything that the person granted, at the same time: three
// requests, and one refresh where all three need it. away names who does not
// answer; what that one would have told is then missing.
func (s *Site) gather(ctx context.Context, connection store.Connection) (m offers.Material, away string, err error) {
	m = offers.Material{Granted: connection.Scope, Read: map[offers.Record]offers.Reading{}}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	read := func(scope string, record offers.Record, ask func(context.Context) (keep func(), err error)) {
		if !slices.Contains(connection.Scope, scope) {
			return
		}
		group.Go(func() error {
			keep, err := ask(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				who, err := s.excuse(err)
				if who != "" {
					away = who
				}
				return err
			}
			keep()
			m.Read[record] = offers.Reading{At: s.Now()}
			return nil
		})
	}
	acme := travelapi.Client{BaseURL: s.Env.AcmeURL.String(), Back: s.Back, Tokens: s.Refresh.Source(connection.ID)}
	var me travelapi.Me
	read(offers.ScopeProfile, offers.RecordMe, func(ctx context.Context) (func(), error) {
		answer, err := acme.Me(ctx)
		return func() { me = answer }, err
	})
	read(offers.ScopePreferences, offers.RecordPreferences, func(ctx context.Context) (func(), error) {
		answer, err := acme.Preferences(ctx)
		return func() { m.Preferences = &answer }, err
	})
	read(offers.ScopePosts, offers.RecordPosts, func(ctx context.Context) (func(), error) {
		answer, err := acme.Posts(ctx)
		return func() { m.Posts = answer }, err
	})
	if err := group.Wait(); err != nil {
		return offers.Material{}, "", err
	}
	m.Name, m.Email = me.Name, me.Email
	if !m.Has(offers.ScopeEmail) {
		m.Email = "" // Acme sends none then; should it ever, we were not allowed it
	}
	who, err := s.addCatalogue(context.WithoutCancel(ctx), &m)
	if who != "" {
		away = who
	}
	return m, away, err
}

// addCatalogue adds what is public, which Dreams fetched for itself.
func (s *Site) addCatalogue(ctx context.Context, m *offers.Material) (away string, err error) {
	catalogue, err := s.Catalogue.Last(ctx)
	if err != nil {
		return s.excuse(err)
	}
	m.Packages, m.Reviews = catalogue.Packages, catalogue.Reviews
	itself := offers.Reading{At: catalogue.FetchedAt, Itself: true}
	m.Read[offers.RecordPackages] = itself
	for id := range catalogue.Reviews {
		m.Read[offers.RecordReviews(id)] = itself
	}
	return "", nil
}

// excuse tells errors that a page can live with from those that it cannot. away
// names who does not answer; empty with a nil error: that much was not granted.
func (s *Site) excuse(err error) (away string, fatal error) {
	var (
		unavailable  *travelapi.Unavailable
		unauthorized *travelapi.Unauthorized
		insufficient *travelapi.InsufficientScope
		unreachable  *flow.Unreachable
	)
	switch {
	case errors.As(err, &insufficient):
		return "", nil
	case errors.As(err, &unreachable):
		s.Log.Warn("Acme's accounts do not answer", "error", err)
		return "Acme accounts", nil
	case errors.As(err, &unavailable), errors.As(err, &unauthorized):
		// A 401 for a token that was fresh a moment ago is Acme's trouble, too.
		s.Log.Warn("Acme does not answer", "error", err)
		return "Acme Travel", nil
	}
	return "", err
}

// keep stores what was made, and writes the letter about it: once for every set
// of offers, and only for who shares their address. It returns the letter's id.
func (s *Site) keep(ctx context.Context, v visitor, m offers.Material, made offers.Offers) (letter string, err error) {
	if err := s.Store.KeepOffers(ctx, v.Connection.ID, made); err != nil {
		return "", err
	}
	if m.Name != "" {
		if err := s.Store.Rename(ctx, v.Person, m.Name); err != nil {
			return "", err
		}
	}
	if len(made.Best) == 0 {
		return "", nil
	}
	if id, wanted, err := s.Store.LetterAbout(ctx, v.Person, made); err != nil || !wanted {
		return id, err
	}
	id, err := flow.Unguessable(s.Random)
	if err != nil {
		return "", err
	}
	public := s.Env.DreamsURL.String()
	written, err := offers.Write(made, offers.Envelope{
		ID: id[:22], Name: m.Name, Email: m.Email, Granted: m.Granted,
		Date: s.Now(), ConnectedAt: v.Connection.ConnectedAt, MeReadAt: m.Read[offers.RecordMe].At,
		OffersURL: public + "/offers", ConnectURL: public + "/connect?prompt=consent",
		Unsubscribe: public + UnsubscribePath + "?" + url.Values{"token": {s.Store.UnsubscribeToken(v.Person)}}.Encode(),
	})
	if errors.Is(err, offers.ErrNoEmail) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if err := s.Store.KeepLetter(ctx, v.Person, written, s.Env.SMTPURL != ""); err != nil {
		return "", err
	}
	kept, _, err := s.Store.LetterAbout(ctx, v.Person, made) // of two tabs one wrote it
	return kept, err
}
