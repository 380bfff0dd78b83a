package program

import (
	"net/url"

	"example.com/acme-dreams/internal/wiretap"
)

// Listen lets the people in the room hear what the program receives, sends and
// checks, and move its clock. With WIRETAP=off there is no Member, and nothing is
// heard or moved.
func (c Config) Listen(party wiretap.Party) (Config, *wiretap.Member) {
	if !c.Env.Wiretap {
		return c, nil
	}
	clock := &wiretap.Clock{Base: c.Now}
	member := wiretap.NewMember(party, clock, c.Env.DreamsURL.String(), c.addressee(), c.Back, c.Log)
	c.Now, c.Clock, c.Back, c.Checks.Observe = clock.Now, clock, member.Transport(c.Back), member.Observe
	return c, member
}

// OpenRoom is Listen for Dreams, where the room is.
func (c Config) OpenRoom() (Config, *wiretap.Room) {
	if !c.Env.Wiretap {
		return c, nil
	}
	clock := &wiretap.Clock{Base: c.Now}
	room := wiretap.NewRoom(clock, map[wiretap.Party]string{
		wiretap.AuthorizationServer: c.Env.AuthserverURL.String(), wiretap.ResourceServer: c.Env.AcmeURL.String(),
	}, c.addressee(), c.Back, c.Log)
	c.Now, c.Clock, c.Back, c.Checks.Observe = clock.Now, clock, room.Transport(c.Back), room.Observe
	return c, room
}

// addressee tells which program an address is.
func (c Config) addressee() func(*url.URL) wiretap.Party {
	return func(u *url.URL) wiretap.Party {
		switch u.Host {
		case c.Env.AuthserverURL.Host():
			return wiretap.AuthorizationServer
		case c.Env.AcmeURL.Host():
			return wiretap.ResourceServer
		case c.Env.DreamsURL.Host():
			return wiretap.Client
		}
		return wiretap.Somebody
	}
}
