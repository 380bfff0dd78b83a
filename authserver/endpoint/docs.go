package endpoint

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
)

// ScopesPage documents every permission, from the registry.
func (e *Endpoints) ScopesPage(c echo.Context) error {
	var docs []page.ScopeDoc
	for _, p := range oauth.Permissions {
		doc := page.ScopeDoc{
			Name: p.Name, Developer: p.Developer, Sentence: p.Sentence, Detail: p.Detail, Sensitivity: p.Sensitivity,
			Public: !p.NeedsUser, Endpoints: p.Endpoints, Grants: e.grantsFor(p),
		}
		clients := e.Store.Clients()
		for _, id := range slices.Sorted(maps.Keys(clients)) {
			if clients[id].Scope.Has(p.Name) && clients[id].Seeded() {
				doc.Clients = append(doc.Clients, id)
			}
		}
		docs = append(docs, doc)
	}
	return render(c, http.StatusOK, page.Scopes(e.frame(c, ""), docs, e.detailsDocs()))
}

// BadConsentPage is how not to ask a person, as a page to look at.
func (e *Endpoints) BadConsentPage(c echo.Context) error {
	return render(c, http.StatusOK, page.BadConsent(e.frame(c, "")))
}

// detailsDocs documents the types of authorization details. What people read is
// made from the example.
func (e *Endpoints) detailsDocs() []page.DetailsDoc {
	var docs []page.DetailsDoc
	for _, t := range oauth.DetailTypes {
		doc := page.DetailsDoc{Name: t.Name, Scope: t.Scope, Developer: t.Developer, Example: t.Example, Endpoints: t.Endpoints}
		if example, err := oauth.ParseAuthorizationDetails(t.Example); err == nil {
			doc.Sentence = detailSentence(example[0].Granted(e.resources().API, e.Now()))
		}
		for _, f := range t.Fields {
			doc.Fields = append(doc.Fields, page.FieldDoc(f))
		}
		for _, id := range slices.Sorted(maps.Keys(e.Store.Clients())) {
			if c := e.Store.Client(id); c.Seeded() && slices.Contains(c.AuthorizationDetailsTypes, t.Name) {
				doc.Clients = append(doc.Clients, id)
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// grantsFor lists the grant types by which a permission can be obtained.
func (e *Endpoints) grantsFor(p oauth.Permission) []string {
	var all []string
	for _, grantType := range slices.Sorted(maps.Keys(e.Grants)) {
		switch {
		case grantType == oauth.ClientCredentialsGrant && p.NeedsUser:
		case grantType == oauth.TokenExchangeGrant && (p.Name == oauth.OpenID || p.Name == oauth.OfflineAccess):
		case grantType == oauth.JWTBearerGrant && p.Name == oauth.OfflineAccess: // no refresh token
		default:
			all = append(all, grantType)
		}
	}
	if e.Env.LegacyGrants && p.Name != oauth.OfflineAccess { // RFC 6749 §4.2.2: no refresh token
		all = append(all, oauth.ImplicitGrant)
	}
	return all
}

// ErrorsPage lists every error code that we answer with.
func (e *Endpoints) ErrorsPage(c echo.Context) error {
	return render(c, http.StatusOK, page.Errors(e.frame(c, ""), oauth.ErrorCatalogue))
}

// ErrorCodePage is the page that error_uri leads to.
func (e *Endpoints) ErrorCodePage(c echo.Context) error {
	entry, ok := oauth.ErrorByCode(c.Param("code"))
	if !ok {
		return echo.ErrNotFound
	}
	return render(c, http.StatusOK, page.ErrorCode(e.frame(c, ""), entry))
}

// DecisionsPage says how this provider decided where the RFCs leave a choice.
func (e *Endpoints) DecisionsPage(c echo.Context) error {
	in := func(d time.Duration) string { return fmt.Sprint(d) }
	lifetimes := []page.LifetimeDoc{
		{What: "Authorization code", Lives: in(e.Env.AuthorizationCodeTTL.Value()) + ", used once", Source: "RFC 6749 §4.1.2"},
		{What: "Access token", Lives: in(e.Env.AccessTokenTTL.Value()) + ", never longer than the consent", Source: "ours; RFC 9068"},
		{What: "Refresh token", Lives: "90 days unused, " + in(e.Env.RefreshTokenTTL.Value()) + " in any case, each used once", Source: "RFC 9700 §4.14.2"},
		{What: "ID token", Lives: in(IDTokenTTL), Source: "ours"},
		{What: "Pushed request", Lives: in(pushedRequestTTL) + " until the person comes, answered once", Source: "RFC 9126 §2.2"},
		{What: "DPoP proof", Lives: "a minute, used once; the nonce in it is good for five", Source: "RFC 9449 §8, §11.1"},
		{What: "Device code", Lives: in(e.Env.DeviceCodeTTL.Value()) + ", asked every " + in(e.Env.DevicePollInterval.Value()), Source: "RFC 8628 §3.2"},
		{What: "Sign-in", Lives: in(sessionTTL) + ", or 14 days where the person ticked it", Source: "ours"},
		{What: "Logout token", Lives: "two minutes, used once", Source: "Back-Channel Logout §4"},
		{What: "Question on the consent page", Lives: in(interactionTTL) + ", answered once", Source: "ours"},
		{What: "Consent", Lives: "once, 30 days, or until the person stops it", Source: "the person's"},
	}
	keys := "until somebody replaces them"
	if every := e.Env.KeyRotation.Value(); every > 0 {
		keys = "replaced every " + in(every) + "; each stays until its last token has expired"
	}
	lifetimes = append(lifetimes, page.LifetimeDoc{What: "Signing keys", Lives: keys, Source: "OIDC Core §10.1.1"})
	return render(c, http.StatusOK, page.Decisions(e.frame(c, ""), decisions, lifetimes))
}

var decisions = []page.Decision{
	{
		Question:   "Which data is public, which is private?",
		Answer:     "Vacation packages and published reviews are public: nobody is harmed when a client reads them for itself. Everything about a person is private: name, address, preferences, posts. Only that person can grant it.",
		Why:        "The line decides about grant types. A client that acts for itself (client credentials) can have public data alone: it can agree to nothing in somebody's name.",
		Production: "Public data often needs no token at all. Here it does, so that a learner sees a token without a person.",
	},
	{
		Question: "Which grant types, for what?",
		Answer:   "Authorization code with PKCE wherever a person is at a browser. Device code where there is no browser. Client credentials for public data. Refresh tokens where the person allowed offline access. Token exchange for handing less to a part of oneself. JWT bearer for a client that signs for people who agreed beforehand. Implicit and password to show why they are gone.",
		Why:      "RFC 9700 §2.1.2 and §2.4 say no to implicit and password. LEGACY_GRANTS=off turns both off, as OAuth 2.1 has it.",
	},
	{
		Question:   "How are access tokens checked?",
		Answer:     "They are signed JWTs (RFC 9068). Acme verifies them by itself and learns of revocations by a feed that waits for news: refused within two seconds, and no private data at all when the feed has been silent for 30 seconds.",
		Why:        "Introspection on every call would be exact and slow, and would put the authorization server into every request. A self-contained token without a feed would be fast and could not be taken back.",
		Production: "Tokens of minutes instead of an hour make the feed less important; keep both.",
	},
	{
		Question:   "What if a token is stolen?",
		Answer:     "A client that proves a key with every request (DPoP, RFC 9449) gets tokens that are bound to it, by any grant: without the key they open nothing. A client can be registered for such tokens alone. Proofs hold a nonce of the server’s and are used once.",
		Why:        "A bearer token is whoever’s who has it. Nonces keep somebody who had the key for a minute from making proofs for later; that a proof is used once keeps whoever reads along from sending it again.",
		Production: "Nonces and used proofs are in this process’s memory. Behind several processes the nonces’ key has to be shared, and the used proofs too, or a proof is good once at each.",
	},
	{
		Question: "What does a person decide?",
		Answer:   "Each permission by itself, and for how long. Optional ones are never ticked beforehand. What is unticked later is taken back, with the tokens that carry it; the rest goes on.",
		Why:      "Consent to everything or nothing is no consent. The client is told what it got, in scope.",
	},
	{
		Question:   "Can a person share less than a permission?",
		Answer:     "Yes: what they like about beaches, for thirty days (RFC 9396). The request may come without any scope; it is asked each time; what is granted carries its end, and Acme opens those interests and nothing else until then.",
		Why:        "A scope is a word for everybody. “Your travel preferences, for as long as you let us” is more than a letter about beaches needs.",
		Production: "Give a type a URI of yours as its name when others will have it too.",
	},
	{
		Question: "What is a token good for when it was stolen?",
		Answer:   "For one resource, where the client named it (RFC 8707): a token for Acme opens nothing at userinfo, and the other way round. For reading, after five minutes: a write wants a recent login (RFC 9470), and refreshing does not make a login newer.",
		Why:      "A bearer token is whoever holds it. The less it opens, and the shorter it writes, the less that is worth. DPoP binds it to a key, for clients that can keep one.",
	},
	{
		Question: "What happens when something is used twice?",
		Answer:   "A code, a refresh token: the second use ends everything that came from the first. There is no grace period.",
		Why:      "One of the two users is a thief, and nobody can tell which (RFC 9700 §4.14.2). A client that lost an answer starts again; that is a nuisance now and then.",
	},
	{
		Question:   "What does signing out end?",
		Answer:     "The session at this browser, at once. An application may ask for it (RP-Initiated Logout): with an ID token of that session as a hint nobody is asked again, otherwise the person is. Applications that got an ID token in the session and registered where to hear of it are told behind the person’s back (Back-Channel Logout). Offline access goes on: that is what Connected apps is for.",
		Why:        "A link that signs out without a question would let anybody’s page do it. And an application that does not answer must not keep a person signed in, so nobody waits for it: it is told again for nine hours.",
		Production: "The same. Somebody who loses a telephone wants to end sessions at other browsers too: a page that lists them is the next thing to build.",
	},
	{
		Question: "How are signing keys replaced?",
		Answer:   "By schedule and by command, without a restart. The next key is published before it signs, the old one stays published until its last token has expired, then its private half is erased. One that leaked goes at once, with its tokens.",
		Why:      "Nobody has to be told: a client goes back to the JWKS when it sees an unfamiliar kid, and Acme hears of it by its feed. What is never done until it has to be done fails on the day it has to be done.",
	},
	{
		Question:   "How does an authorization request come?",
		Answer:     "In the query, as ever; signed, as a JWT that the client made (RFC 9101); or pushed from server to server, with a reference through the browser (RFC 9126). What was signed or pushed counts alone, whatever stands beside it. A client can be registered for pushed or signed requests only.",
		Why:        "What passes through a browser can be read there, and changed. A reference that we did not make is never fetched: it would have us call whom a stranger names.",
		Production: "Push. It needs no key, keeps the query short, and the client has shown who it is before anybody sees a page.",
	},
	{
		Question: "Is this the FAPI 2.0 Security Profile?",
		Answer:   "For a client that is registered for it: pushed requests, private_key_jwt, PKCE, and tokens that are bound to a key by DPoP. One thing differs. Refresh tokens rotate here without a grace period, and the profile says that a server “shall not use refresh token rotation except in extraordinary circumstances” (§5.3.2.1).",
		Why:      "Where client and token are bound to keys, a copied refresh token is worth nothing, so the profile prefers that a lost answer may be asked for again. We keep one rule for all clients, and most of ours have no key.",
	},
	{
		Question:   "May an application register itself?",
		Answer:     "Yes, unless the operator set REGISTRATION_TOKEN: RFC 7591 at /register, RFC 7592 for what comes later. Nobody registers for the password grant or for token exchange. The consent page says that nobody has verified it, and where it sends people. Its pictures are not shown, and what it names must be https and lead to a public address: judged when it registers, and again whenever we connect, because names can be made to lead elsewhere.",
		Why:        "A client library that knows the issuer alone can start by itself. What it says of itself is a stranger's word: a name made to look like another's, an address inside of our network, a script for a redirect URI. Each has a check, in authserver/endpoint/registration_checks.go.",
		Production: "Most providers want an initial access token, or a developer account behind each registration.",
	},
	{
		Question:   "How are secrets kept?",
		Answer:     "Passwords as Argon2id. Whatever the server makes itself (client secrets, codes, refresh tokens, sessions) as SHA-256, because there is no dictionary for 128 random bits and more.",
		Why:        "A slow hash at the token endpoint would let anybody keep the server busy.",
		Production: "Encrypt the signing keys at rest (KEY_ENCRYPTION_KEY) or keep them in a hardware module. Put TLS in front. Replace every seeded person and secret.",
	},
}

// GlossaryPage leads from the words that people bring to the standards' words.
func (e *Endpoints) GlossaryPage(c echo.Context) error {
	return render(c, http.StatusOK, page.Glossary(e.frame(c, ""), terms, comparisons))
}

var terms = []page.Term{
	{Heard: "authorization token, auth token", Standard: "access token", Source: "RFC 6749 §1.4", Meaning: "What a client shows to the API. It says what was allowed, by whom, until when."},
	{Heard: "API key and secret, app id, consumer key", Standard: "client_id and client_secret", Source: "RFC 6749 §2.2, §2.3.1", Meaning: "Who the application is. They say nothing about any person, and open no person's data."},
	{Heard: "authorization scope grant", Standard: "authorization grant, scope", Source: "RFC 6749 §1.3, §3.3", Meaning: "Two things: that a person approved (the grant) and what exactly (the scope)."},
	{Heard: "request token, verifier (OAuth 1)", Standard: "authorization code", Source: "RFC 6749 §1.3.1", Meaning: "The ticket through the browser, good for one exchange."},
	{Heard: "user access token (Facebook)", Standard: "access token from the authorization code grant", Source: "RFC 6749 §4.1", Meaning: "Acts for a person."},
	{Heard: "app access token (Facebook)", Standard: "access token from client credentials", Source: "RFC 6749 §4.4", Meaning: "Acts for the application itself."},
	{Heard: "page access token (Facebook)", Standard: "a narrower token; nearest is token exchange", Source: "RFC 8693", Meaning: "A token for one thing that a person manages, got with a token of that person."},
	{Heard: "long-lived token (Facebook)", Standard: "refresh token", Source: "RFC 6749 §1.5", Meaning: "Here the long-lived thing is not the one that opens the API."},
	{Heard: "client token (Facebook)", Standard: "none: a public client's client_id", Source: "RFC 6749 §2.1", Meaning: "Whatever is built into an app that people download is no secret."},
	{Heard: "login with Acme, single sign-on", Standard: "OpenID Connect, ID token", Source: "OIDC Core §2", Meaning: "Tells the client who signed in. Never sent to an API."},
	{Heard: "permissions, capabilities", Standard: "scope", Source: "RFC 6749 §3.3", Meaning: "Names of what a token opens."},
	{Heard: "app, integration, third party", Standard: "client", Source: "RFC 6749 §1.1", Meaning: "Whoever asks."},
	{Heard: "identity provider, login server", Standard: "authorization server, OpenID provider", Source: "RFC 6749 §1.1, OIDC Core §1.2", Meaning: "Whoever asks the person and issues tokens."},
	{Heard: "backend, API", Standard: "resource server", Source: "RFC 6749 §1.1", Meaning: "Whoever holds the data and checks the token."},
	{Heard: "user", Standard: "resource owner, end-user", Source: "RFC 6749 §1.1", Meaning: "Whose data it is."},
	{Heard: "callback URL", Standard: "redirect_uri", Source: "RFC 6749 §3.1.2", Meaning: "Where the browser is sent back to. Registered, and compared as a string."},
	{Heard: "single sign-out, global logout", Standard: "RP-initiated logout, back-channel logout", Source: "RP-Initiated Logout, Back-Channel Logout", Meaning: "A client sends the browser to sign out, and the server tells the other clients. A sid names the session that ends."},
	{Heard: "session token, cookie", Standard: "none: not OAuth", Source: "", Meaning: "Between one browser and one site. OAuth begins where a second party comes in."},
}

var comparisons = []page.Comparison{
	{Question: "What does it say?", APIKey: "Which application calls.", OAuth: "What an application may do, for whom, until when.", OpenIDConnect: "Who signed in, and how long ago."},
	{Question: "Who agrees?", APIKey: "Whoever issued the key.", OAuth: "The person whose data it is.", OpenIDConnect: "The person who signs in."},
	{Question: "How is it taken back?", APIKey: "By changing the key, for everybody at once.", OAuth: "Per application and person, at any time.", OpenIDConnect: "The session ends; what was told stays told."},
	{Question: "When is it enough?", APIKey: "Public data, metering, one company's own servers.", OAuth: "Somebody else's data.", OpenIDConnect: "“Sign in with …”; with OAuth beside it when data is wanted too."},
}
