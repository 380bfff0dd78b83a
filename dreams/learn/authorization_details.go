package learn

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

// beachesAndHiking is what the lesson asks for: two topics, for thirty days.
var beachesAndHiking = flow.AuthorizationDetail{"type": preferencesType, "actions": []string{"read"}, "topics": []string{"beaches", "hiking"}, "days": 30}

func (c *Classroom) authorizationDetails() Lesson {
	return Lesson{
		Slug: "rar", Title: "Rich authorization request", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "authorization_details_types_supported"},
		Line:   "“What you like about beaches and hiking, for 30 days”, and not “your preferences”.",
		Stops:  "A scope is one word, so it is either too small for the job or too large for the trust: who may see one thing gets to see all of its kind, for ever. Authorization details say which, what for and for how long, in data that the server understands, shows to the person in words, and has enforced.",
		For:    "One payment of this amount to this account; one document to sign; one topic for a month.",
		NotFor: "What a scope says as well: each type has to be understood by the server, the consent page and the API.",
		State:  Current, Reason: "Open banking’s payments are asked for like this, in FAPI with a pushed request.", Source: "RFC 9396",
		Steps: []Step{
			{views.Client, views.AuthorizationServer, "The request with authorization_details, pushed: it is long, and private", "RFC 9396 §2, RFC 9126"},
			{views.AuthorizationServer, views.AuthorizationServer, "Does it know the type? Is every field as the type says?", "RFC 9396 §5"},
			{views.Client, views.Browser, "303, with the reference", ""},
			{views.AuthorizationServer, views.Browser, "The details, in words", "RFC 9396 §3"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", ""},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code", ""},
			{views.AuthorizationServer, views.Client, "A token with the details as granted, and beside it the same to read", "RFC 9396 §7, §9.1"},
			{views.Client, views.ResourceServer, "What do you like?", ""},
			{views.ResourceServer, views.ResourceServer, "What the details name, and nothing else", "RFC 9396 §9"},
			{views.ResourceServer, views.Client, "Beaches and hiking, where you like them", ""},
		},
		Secrets: []Secret{
			{"the details", "shows them to you", "asks for them", "knows them", "reads them in the token"},
			{"what else you like", "no", "never", "never", "keeps it back"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Code: []Excerpt{{"authorization_details.go", "describe"}, {"authorization_details.go", "Tokens.Granted"}},
		Files: []File{
			{"dreams/flow/authorization_details.go", "what you are about to run"},
			{"authserver/oauth/authorization_details.go", "the type, and what conforms to it"},
		},
		Before: "Look at the consent page: it says in words what is asked for. Afterwards Dreams tries to have more of it.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("Dreams asks for two topics and thirty days", "No scope for preferences is among what it asks for.")
			return run.begin(ctx, forLab, c.detailedRequest())
		},
		Return: c.returnAuthorizationDetails,
	}
}

// beachesAndMuseums is what was granted, and a topic more.
var beachesAndMuseums = flow.AuthorizationDetail{"type": preferencesType, "actions": []string{"read"}, "topics": []string{"beaches", "hiking", "museums"}, "days": 30}

func (c *Classroom) returnAuthorizationDetails(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	code := run.bench().code
	if run.bench().stage == "wider" {
		wider := *code
		wider.Part = []flow.AuthorizationDetail{beachesAndMuseums}
		run.Tell("The code, and a topic more: museums", "At the token endpoint a client may ask for less than was granted, and not for more.")
		_, err := wider.Redeem(ctx, attempt, query.Get("code"))
		return run.tell(err, Refusal{
			Tried: "another topic, museums, when the person had already said yes to two others.", Rule: "RFC 9396 §6",
			Means: "What was agreed on the consent page is the most that there can be. There is no later moment at which it grows.",
		})
	}
	run.Tell("The code for a token", "The answer says what was granted, which may be less than was asked for.")
	connected, err := code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token, with the details in it", connected.AccessToken)
	granted, err := connected.Granted()
	if err != nil {
		return err
	}
	if len(granted) == 0 {
		run.Note("You granted none of the details, so there is nothing for Dreams to read. Run it again and tick them.")
	} else if err := run.ask(ctx, "Dreams asks what you like", preferencesPath, connected.AccessToken); err != nil {
		return err
	}
	run.Tell("The same token, to write", "The details say actions: read.")
	answer, err := c.put(ctx, connected.AccessToken)
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "to write preferences with a token whose details say “read”.", Rule: "RFC 9396 §9, RFC 6750 §3.1",
		Means: "The API enforces what the person read on the consent page, action by action.",
	})
	if err := c.askForMore(ctx, run, code); err != nil || len(granted) == 0 {
		return err
	}
	run.bench().stage = "wider"
	run.Tell("Once more, the same two topics", "You have agreed to them, so you may not be asked again.")
	return run.send(ctx, run.bench(), c.detailedRequest(), nil)
}

func (c *Classroom) detailedRequest() flow.AuthorizationRequest {
	return flow.AuthorizationRequest{Scopes: leastScopes, Details: []flow.AuthorizationDetail{beachesAndHiking}, Pushed: true}
}

// askForMore asks for what is no good request. Pushed, so that the refusal comes
// before anybody is asked.
func (c *Classroom) askForMore(ctx context.Context, run *Run, code *flow.AuthorizationCode) error {
	for _, try := range []struct {
		caption, proves string
		detail          flow.AuthorizationDetail
		refusal         Refusal
	}{
		{"Another topic: medical history", "Acme has no such topic, and nobody can consent to what nobody can explain.",
			flow.AuthorizationDetail{"type": preferencesType, "topics": []string{"medical history"}, "days": 30},
			Refusal{Tried: "a topic that Acme does not have: medical history.", Rule: "RFC 9396 §5",
				Means: "Every field is checked against its type, to the letter, before a person sees a word of it."}},
		{"The same two topics, with a word that the type does not have", "“forever” might mean anything.",
			flow.AuthorizationDetail{"type": preferencesType, "topics": []string{"beaches"}, "days": 30, "forever": true},
			Refusal{Tried: "a field that the type does not have: forever.", Rule: "RFC 9396 §5",
				Means: "With scopes an unknown word can be ignored. Here it could be the one that matters, so the request is refused."}},
		{"Another type", "A payment, at a travel agency’s.",
			flow.AuthorizationDetail{"type": "payment_initiation", "amount": "1000.00"},
			Refusal{Tried: "details of a type that this server does not know: payment_initiation.", Rule: "RFC 9396 §5",
				Means: "Metadata names the types that work. A client may use those that it registered for."}},
	} {
		run.Tell(try.caption, try.proves)
		_, err := run.try(ctx, code, flow.AuthorizationRequest{Scopes: leastScopes, Details: []flow.AuthorizationDetail{try.detail}, Pushed: true})
		if err := run.tell(err, try.refusal); err != nil {
			return err
		}
	}
	return nil
}

// put tries to write preferences, as a bearer.
func (c *Classroom) put(ctx context.Context, token string) (Answer, error) {
	return c.call(ctx, http.MethodPut, preferencesPath, func(client *http.Client, req *http.Request) (*http.Response, error) {
		document, err := json.Marshal(map[string]any{"interests": []string{"everything"}})
		if err != nil {
			return nil, err
		}
		with, err := http.NewRequestWithContext(ctx, req.Method, req.URL.String(), strings.NewReader(string(document)))
		if err != nil {
			return nil, err
		}
		with.Header = req.Header
		with.Header.Set("Content-Type", "application/json")
		with.Header.Set("Authorization", "Bearer "+token)
		return client.Do(with)
	})
}
