package tv

import (
	"context"
	"errors"
	"slices"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/travelapi"
)

// evening reads what the person shares with the television and makes offers of
// it. Where the connection is over, it says so with flow.ErrEnded.
func (t *Television) evening(ctx context.Context, id string, granted []string) (page.TVEvening, error) {
	acme := travelapi.Client{BaseURL: t.Env.AcmeURL.String(), Back: t.Back, Tokens: t.Refresh.Source(id)}
	m := offers.Material{Granted: granted, Read: map[offers.Record]offers.Reading{}}
	v := page.TVEvening{}
	for _, one := range []struct {
		scope  string
		record offers.Record
		read   func() error
	}{
		{offers.ScopeProfile, offers.RecordMe, func() error {
			me, err := acme.Me(ctx)
			m.Name = me.Name
			return err
		}},
		{offers.ScopePreferences, offers.RecordPreferences, func() error {
			p, err := acme.Preferences(ctx)
			m.Preferences = &p
			return err
		}},
		{"packages:read", offers.RecordPackages, func() (err error) {
			m.Packages, err = acme.Packages(ctx)
			return err
		}},
	} {
		if !slices.Contains(granted, one.scope) {
			v.Missing = append(v.Missing, one.scope)
			continue
		}
		if err := one.read(); err != nil {
			if away(err) {
				v.Away = true
				break
			}
			return v, err
		}
		m.Read[one.record] = offers.Reading{At: t.Now()}
	}
	v.Name = m.Name
	made := offers.Make(m, t.Now())
	v.Personal = made.Personal
	v.Offers = made.Best
	return v, nil
}

// away tells whether somebody does not answer, so that it may be tried again.
func away(err error) bool {
	var (
		unavailable *travelapi.Unavailable
		unreachable *flow.Unreachable
	)
	return errors.As(err, &unavailable) || errors.As(err, &unreachable)
}
