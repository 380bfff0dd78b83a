package learn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) deviceCode() Lesson {
	return Lesson{
		Slug: "device-code", Title: "Device code", Group: PersonThere, Client: "dreams-tv",
		Line:   "A television shows a short code; the person types it on their telephone.",
		For:    "Things without a browser or a keyboard: televisions, printers, a program on a server that one reaches by terminal.",
		NotFor: "Anything that can open a browser on the same device. Whoever starts the flow gets the tokens, and not whoever types the code: people can be sent a code by a stranger, and no check can tell.",
		State:  Current, Reason: "Nothing better is known for such things. The warning on the phone’s page is the defence that there is.", Source: "RFC 8628 §5.4",
		Steps: []Step{
			{views.Client, views.AuthorizationServer, "The television asks for a pair of codes, with its client_id and the scopes", "RFC 8628 §3.1"},
			{views.AuthorizationServer, views.Client, "device_code, user_code, where to type it, and how often to ask", "RFC 8628 §3.2"},
			{views.Client, views.Client, "It shows the short one, and a picture of the address", "RFC 8628 §3.3"},
			{views.Browser, views.AuthorizationServer, "You type the code on your phone, sign in and decide", "RFC 8628 §3.3"},
			{views.Client, views.AuthorizationServer, "Meanwhile it asks: device_code, every five seconds", "RFC 8628 §3.4"},
			{views.AuthorizationServer, views.Client, "authorization_pending, slow_down where it asks too often, and at last an access token", "RFC 8628 §3.5"},
			{views.Client, views.ResourceServer, "The television reads your profile", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it there", "never", "knows its hash", "never"},
			{"user_code", "you type it, once", "shows it to the room", "knows its hash", "no"},
			{"device_code", "no", "keeps it", "knows its hash", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/device_code.go", "what you are about to run"},
			{"dreams/tv/set.go", "how the television goes on after each answer"},
			{"authserver/grant/device_code.go", "the other side"},
			{"authserver/oauth/device_authorization.go", "who gets slow_down, and when"},
		},
		Before:    "The lesson is an impatient device: it asks twice at once, waits for you, and uses the code a second time afterwards. You need a second tab, or a real phone.",
		Elsewhere: views.Link{Label: "The television itself", Href: "/tv"},
		Run:       c.runDeviceCode, Continue: c.continueDeviceCode,
	}
}

// television is what the run remembers between two questions.
type television struct {
	device flow.Device
	next   time.Time // not to be asked before
}

func (c *Classroom) device() *flow.DeviceCode {
	return &flow.DeviceCode{Server: c.Server, Client: "dreams-tv", Scopes: []string{"profile", "packages:read"}, Now: c.Now}
}

func (c *Classroom) runDeviceCode(ctx context.Context, run *Run) error {
	grant := c.device()
	run.Say("The television asks for a pair of codes")
	device, err := grant.Start(ctx)
	if err != nil {
		return err
	}
	run.Invite(Invitation{
		Words: fmt.Sprintf("The television shows %s. On your phone, open %s and type it.", device.UserCode, strings.TrimPrefix(strings.TrimPrefix(device.VerificationURI, "http://"), "https://")),
		Label: "Open the phone simulator", Href: device.VerificationURIComplete,
	})
	for _, caption := range []string{"It asks whether you have decided", "It asks again, at once"} {
		run.Say(caption)
		tokens, err := grant.Poll(ctx, device)
		if err == nil { // the person was faster
			return c.deviceHas(ctx, run, device, tokens)
		}
		before := device.Interval
		next, again := device.After(err)
		if !again {
			run.Invite(Invitation{})
			return c.deviceOver(run, err)
		}
		device = next
		if device.Interval > before {
			note := "It was told to slow down: it asks every %d seconds from now on, and this page opens itself again as often."
			if run.Stepping() {
				note = "It was told to slow down: from now on it waits %d seconds before it asks."
			}
			run.Note(note, int(device.Interval/time.Second))
		}
	}
	run.Memory = television{device, c.Now().Add(device.Interval)}
	run.Unfinished = device.Interval
	return nil
}

func (c *Classroom) continueDeviceCode(ctx context.Context, run *Run) error {
	waiting, ok := run.Memory.(television)
	if !ok {
		return nil
	}
	// Whoever opens the page too early makes it wait, and nothing else.
	if wait := waiting.next.Sub(c.Now()); wait > 0 {
		run.Unfinished = wait
		return nil
	}
	run.Say("It asks, now at its interval")
	tokens, err := c.device().Poll(ctx, waiting.device)
	if err != nil {
		device, again := waiting.device.After(err)
		if !again {
			run.Invite(Invitation{})
			return c.deviceOver(run, err)
		}
		run.Memory = television{device, c.Now().Add(device.Interval)}
		run.Unfinished = device.Interval
		return nil
	}
	return c.deviceHas(ctx, run, waiting.device, tokens)
}

// deviceHas is what the television does with its tokens, and what it cannot do with
// the code that it had them for.
func (c *Classroom) deviceHas(ctx context.Context, run *Run, device flow.Device, tokens flow.Tokens) error {
	run.Invite(Invitation{})
	run.Decode("The access token", tokens.AccessToken)
	if err := run.ask(ctx, "The television reads your profile", "/api/v1/me", tokens.AccessToken); err != nil {
		return err
	}
	run.Say("Somebody has seen the device_code, and uses it again")
	_, err := c.device().Poll(ctx, device)
	if err := run.tell(err, Refusal{
		Tried: "the same device_code a second time.",
		Rule:  "RFC 8628 §3.5",
		Means: "A code is good for one television. It says nothing about who stood at the phone: that is why the page there asks whether you started this.",
	}); err != nil {
		return err
	}
	// A lesson keeps nothing that works.
	run.Say("The lesson gives its token back")
	return (&flow.Revocation{Server: c.Server, Client: flow.Client{ID: "dreams-tv"}}).Revoke(ctx, tokens)
}

// deviceOver tells a person's no and a code that ran out from trouble.
func (c *Classroom) deviceOver(run *Run, err error) error {
	var refused *flow.TokenError
	if errors.As(err, &refused) && (refused.Code == "access_denied" || refused.Code == "expired_token") {
		run.Note("It got %s: %s. The television has nothing, and stops asking.", refused.Code, refused.Description)
		return nil
	}
	return err
}
