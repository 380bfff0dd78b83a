package learn

import (
	"context"
	"net/http"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

func (c *Classroom) issuer() Lesson {
	return Lesson{
		Slug: "issuer", Title: "Issuer identification", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "authorization_response_iss_parameter_supported"},
		Line:   "Every answer says which server gives it, so that no other can slip its own in.",
		Stops:  "An app that knows several servers can be mixed up: it believes that it asked Mallory’s server, the answer comes from Acme’s, and so it takes Acme’s code to Mallory’s token endpoint. With iss in the answer the app sees whose it is before it sends anything anywhere.",
		For:    "Every client. It is one comparison, and with one server alone it is still the cheapest way to notice a forged answer.",
		NotFor: "In place of state and PKCE: those say whose browser it is and whose request. This says whose answer.",
		State:  Current, Reason: "The countermeasure against mix-up that RFC 9700 asks for; every answer here has it, errors too.", Source: "RFC 9207, RFC 9700 §4.4",
		Steps: []Step{
			{views.Client, views.Browser, "303 to Acme’s accounts, with state", ""},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", "RFC 9207 §2"},
			{views.Browser, views.Client, "The answer, or one that somebody put together", ""},
			{views.Client, views.Client, "Is the state this browser’s own and unspent?", "RFC 6749 §10.12"},
			{views.Client, views.Client, "Is iss the server that was asked, letter by letter?", "RFC 9207 §2.4"},
			{views.Client, views.AuthorizationServer, "Only now the code, to that server", "RFC 6749 §4.1.3"},
			{views.AuthorizationServer, views.Client, "Tokens", ""},
		},
		Secrets: []Secret{
			{"code", "carries it, once", "shows it to the server that iss names, and to no other", "knows its hash", "no"},
			{"state", "carries it", "makes it, keeps it for this browser", "sends it back", "no"},
		},
		Code: []Excerpt{{"authorization_code.go", "callbackChecks"}, {"authorization_code.go", "checkIssuer"}},
		Files: []File{
			{"dreams/flow/authorization_code.go", "the list that every answer to Dreams has to pass"},
			{"authserver/endpoint/authorize.go", "where iss is put into every answer"},
		},
		Before: "After the real answer, four that were put together: each with a code and with a state that Dreams made for this browser a moment ago.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("Dreams sends your browser to Acme’s accounts", "It remembers which server it asked.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: leastScopes})
		},
		Return: c.returnIssuer,
	}
}

func (c *Classroom) returnIssuer(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	code := run.bench().code
	run.Tell("iss is the server that was asked, so the code goes there", "Nothing was sent anywhere before that was clear.")
	connected, err := code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The ID token: iss once more, and signed", connected.IDToken)
	for _, try := range []struct {
		caption, proves, tried, means string
		browser                       string
		change                        func(url.Values)
	}{
		{"An answer of another server’s", "The mix-up: a good state, a code, and somebody else’s name.",
			"an answer with iss=https://accounts.mallory.example.", "The code in it is not sent to anybody: not to Mallory, who hopes for it, and not to Acme, whose it is not.",
			run.Browser, func(a url.Values) { a.Set("iss", "https://accounts.mallory.example") }},
		{"An answer without iss", "Acme’s metadata promises it for every answer.",
			"an answer without iss, as from before RFC 9207.", "What a server promises in its metadata has to be there. Otherwise leaving it out would be the way around it.",
			run.Browser, func(a url.Values) { a.Del("iss") }},
		{"An answer with two of them", "One for whoever reads the first, one for whoever reads the last.",
			"an answer that has iss twice, the good one first.", "Two programs that read the same answer must not read two different things.",
			run.Browser, func(a url.Values) { a.Add("iss", "https://accounts.mallory.example") }},
		{"A good answer, in another browser", "iss is right; the person is another.",
			"the good answer in somebody else’s browser.", "iss says whose answer it is, state whose browser it is for: one does not replace the other.",
			"another browser", func(url.Values) {}},
	} {
		_, state, err := run.prepare(ctx, code, flow.AuthorizationRequest{Scopes: leastScopes})
		if err != nil {
			return err
		}
		answer := url.Values{"code": {"ac_put-together"}, "state": {state}, "iss": {c.Server.Issuer}}
		try.change(answer)
		run.Tell(try.caption, try.proves)
		run.Recording.Browser(wiretap.Client, http.MethodGet, code.RedirectURI+"?"+answer.Encode(), http.StatusBadRequest, "", c.Now())
		_, err = code.Receive(ctx, try.browser, answer)
		if err := run.refusedHere(err, Refusal{Tried: try.tried, Means: try.means}); err != nil {
			return err
		}
	}
	return nil
}
