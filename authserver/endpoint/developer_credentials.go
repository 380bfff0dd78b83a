package endpoint

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/views"
)

// secretID names a secret on the page, and says nothing of it.
func secretID(s oauth.Secret) string { return base64.RawURLEncoding.EncodeToString(s.Hash[:9]) }

func (e *Endpoints) credentialsView(view *page.ApplicationView, client *oauth.Client) {
	keys := client.Keys != nil || client.JWKSURI != ""
	for _, s := range client.Secrets {
		line := page.SecretLine{ID: secretID(s), Tail: s.Tail, Made: "with the application", Last: len(client.Secrets) == 1 && !keys}
		if !s.MadeAt.IsZero() {
			line.Made = dayTime(s.MadeAt)
		}
		if used := e.Store.SecretUsedAt(client.ID, s); !used.IsZero() {
			line.Used = dayTime(used)
		}
		view.Secrets = append(view.Secrets, line)
	}
	for _, key := range client.Keys {
		view.Keys = append(view.Keys, strings.TrimSpace(key.Algorithm+" "+key.ID))
	}
	if client.JWKSURI != "" {
		view.Keys = append(view.Keys, client.JWKSURI)
	}
	view.KeysField = keysField("")
	view.JWKSURI = jwksURIField(client.JWKSURI)
}

func keysField(value string) views.Field {
	return views.Field{
		ID: "jwks", Name: "jwks", Label: "Public key: a JWK, a JWK set, or PEM", Value: value,
		Hint:  "For " + strings.Join(jwks.Algorithms, ", ") + ". It takes the place of keys that are there.",
		Attrs: map[string]any{"rows": "6", "spellcheck": "false"},
	}
}

func jwksURIField(value string) views.Field {
	return views.Field{ID: "jwks_uri", Name: "jwks_uri", Label: "Or where we fetch them (jwks_uri)", Value: value, Type: "url", Hint: "You change keys there, and we notice. Not both."}
}

// makeSecret makes a secret beside the one that holds, and shows it, once.
func (a applicationChange) makeSecret() error {
	secret := a.opaque("s_")
	wrong, err := a.change("secret made", func(client *oauth.Client) problems {
		switch {
		case client.Public():
			return problems{{"", "A public application has no secret."}}
		case len(client.Secrets) >= oauth.MaxSecrets:
			return problems{{"", "Two secrets hold already. End one of them first."}}
		}
		client.Secrets = append(client.Secrets, oauth.NewSecret(secret, a.Now()))
		authenticates(client)
		return nil
	})
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.again(page.CredentialsTab, http.StatusUnprocessableEntity, wrong, func(*page.ApplicationView) {})
	}
	return render(a.c, http.StatusOK, page.Registered(a.developerFrame(a.c, "A new secret"), page.RegisteredView{
		Name: a.client.Name, ClientID: a.client.ID, Secret: secret,
		Heading: "A new secret", Lead: "The old one holds too, until you end it.",
		Next: views.Link{Label: "I have it: back to the credentials", Href: "/developer/apps/" + a.client.ID + "?tab=" + page.CredentialsTab},
	}))
}

// endSecret ends one of the secrets, never the last way to authenticate.
func (a applicationChange) endSecret() error {
	wrong, err := a.change("secret ended", func(client *oauth.Client) problems {
		rest := slices.DeleteFunc(slices.Clone(client.Secrets), func(s oauth.Secret) bool { return secretID(s) == a.form.Get("secret") })
		switch {
		case len(rest) == len(client.Secrets):
			return problems{{"", "There is no such secret. Perhaps it was ended before."}}
		case len(rest) == 0 && client.Keys == nil && client.JWKSURI == "":
			return problems{{"", "This is the only secret. Make the new one first."}}
		}
		client.Secrets = rest
		authenticates(client)
		return nil
	})
	return a.finish(page.CredentialsTab, "ended", wrong, err, func(*page.ApplicationView) {})
}

// authenticates sets how a confidential application may authenticate: by what it
// has. One that came with the server stays as it is written there.
func authenticates(client *oauth.Client) {
	if client.Seeded() {
		return
	}
	client.AuthMethods = nil
	if client.Keys != nil || client.JWKSURI != "" {
		client.AuthMethods = []string{oauth.PrivateKeyJWT}
	}
	if len(client.Secrets) > 0 {
		client.AuthMethods = append(client.AuthMethods, oauth.ClientSecretBasic, oauth.ClientSecretPost)
	}
}

// keys registers what the application signs with. RFC 7591 §2: jwks, or jwks_uri.
func (a applicationChange) keys() error {
	sent, uri := strings.TrimSpace(a.form.Get("jwks")), strings.TrimSpace(a.form.Get("jwks_uri"))
	wrong, err := a.change("key registered", func(client *oauth.Client) problems {
		if client.Public() {
			return problems{{"jwks", "A public application does not authenticate."}}
		}
		client.JWKS, client.Keys, client.JWKSURI = nil, nil, uri
		if sent != "" {
			set, err := jwks.Read([]byte(sent))
			if err != nil {
				return problems{{"jwks", sentence(err.Error())}}
			}
			client.JWKS = set
			if client.Keys, err = jwks.Parse(set); err != nil {
				return problems{{"jwks", sentence(err.Error())}}
			}
		}
		client.AuthMethods = []string{oauth.PrivateKeyJWT}
		wrong := a.judgeApplication(a.c, client)
		authenticates(client)
		return wrong
	})
	return a.finish(page.CredentialsTab, "key", wrong, err, func(v *page.ApplicationView) {
		v.KeysField, v.JWKSURI = keysField(sent), jwksURIField(uri)
		if strings.Contains(sent, "PRIVATE") || strings.Contains(sent, `"d"`) {
			v.KeysField.Value = "" // what must not have been typed is not sent around once more
		}
		wrong.mark(&v.KeysField, &v.JWKSURI)
	})
}

// removeKeys goes back to secrets.
func (a applicationChange) removeKeys() error {
	wrong, err := a.change("keys removed", func(client *oauth.Client) problems {
		if len(client.Secrets) == 0 {
			return problems{{"", "Without its key the application could not authenticate. Make a secret first."}}
		}
		client.JWKS, client.Keys, client.JWKSURI = nil, nil, ""
		authenticates(client)
		return nil
	})
	return a.finish(page.CredentialsTab, "keys-removed", wrong, err, func(*page.ApplicationView) {})
}

// The shortest that tokens may live.
const (
	leastAccessTTL  = time.Minute
	leastRefreshTTL = 24 * time.Hour
)

// mostAccessTTL is the longest that access tokens live: a day, and never longer
// than the server's own.
func (e *Endpoints) mostAccessTTL() time.Duration {
	return min(24*time.Hour, e.Env.AccessTokenTTL.Value())
}

func (e *Endpoints) settingsView(view *page.ApplicationView, client *oauth.Client) {
	view.AccessTTL = e.accessTTLField(strconv.Itoa(int(client.AccessTokenLife(e.mostAccessTTL()) / time.Minute)))
	view.RefreshTTL = e.refreshTTLField(strconv.Itoa(int(client.RefreshTokenLife(e.Env.RefreshTokenTTL.Value()) / (24 * time.Hour))))
	code := client.MayUse(oauth.AuthorizationCodeGrant)
	if code && !client.Public() {
		view.Switches = append(view.Switches, page.Switch{Name: "require_pkce", Label: "PKCE required", On: client.RequirePKCE, Hint: "RFC 7636. An authorization request without a code challenge is refused. Leave it on: your library does it."})
	}
	view.Switches = append(view.Switches, page.Switch{Name: "dpop_bound_access_tokens", Label: "Tokens bound to a key (DPoP)", On: client.DPoPBound, Hint: "RFC 9449. A token request without a proof is refused. Who steals a token cannot use it."})
	if code {
		view.Switches = append(view.Switches, page.Switch{Name: "require_pushed_authorization_requests", Label: "Pushed authorization requests (PAR) required", On: client.RequirePAR, Hint: "RFC 9126. Requests come over the back channel first: nobody reads or changes them on the way."})
	}
}

func (e *Endpoints) accessTTLField(value string) views.Field {
	return views.Field{
		ID: "access_token_ttl", Name: "access_token_ttl", Label: "Access tokens live for (minutes)", Value: value, InputMode: "numeric", Required: true,
		Hint: fmt.Sprintf("%d to %d. The shorter, the less a stolen one is worth.", int(leastAccessTTL/time.Minute), int(e.mostAccessTTL()/time.Minute)),
	}
}

func (e *Endpoints) refreshTTLField(value string) views.Field {
	return views.Field{
		ID: "refresh_token_ttl", Name: "refresh_token_ttl", Label: "Refresh tokens live for (days)", Value: value, InputMode: "numeric", Required: true,
		Hint: fmt.Sprintf("%d to %d, from the consent on. After that people are asked again.", int(leastRefreshTTL/(24*time.Hour)), int(e.Env.RefreshTokenTTL.Value()/(24*time.Hour))),
	}
}

// settings changes lifetimes and what the application demands of itself.
func (a applicationChange) settings() error {
	access, refresh := a.accessTTLField(limit(a.form.Get("access_token_ttl"), 20)), a.refreshTTLField(limit(a.form.Get("refresh_token_ttl"), 20))
	wrong, err := a.change("settings", func(client *oauth.Client) problems {
		var wrong problems
		client.AccessTokenTTL = lifetime(&wrong, access, time.Minute, leastAccessTTL, a.mostAccessTTL())
		client.RefreshTokenTTL = lifetime(&wrong, refresh, 24*time.Hour, leastRefreshTTL, a.Env.RefreshTokenTTL.Value())
		on := func(name string) bool { return slices.Contains(a.form["setting"], name) }
		client.RequirePKCE = client.MayUse(oauth.AuthorizationCodeGrant) && (client.Public() || on("require_pkce"))
		client.RequirePAR = client.MayUse(oauth.AuthorizationCodeGrant) && on("require_pushed_authorization_requests")
		client.DPoPBound = on("dpop_bound_access_tokens")
		return append(wrong, a.judgeApplication(a.c, client)...)
	})
	return a.finish(page.SettingsTab, "saved", wrong, err, func(v *page.ApplicationView) {
		wrong.mark(&access, &refresh)
		v.AccessTTL, v.RefreshTTL = access, refresh
		for i := range v.Switches {
			v.Switches[i].On = slices.Contains(a.form["setting"], v.Switches[i].Name)
		}
	})
}

// lifetime reads a whole number of units within bounds. The server's own is not
// written down: it may become shorter.
func lifetime(wrong *problems, f views.Field, unit, least, most time.Duration) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(f.Value))
	if err != nil || n < int(least/unit) || n > int(most/unit) {
		*wrong = append(*wrong, problem{f.ID, fmt.Sprintf("%s: a whole number from %d to %d", f.Label, int(least/unit), int(most/unit))})
		return 0
	}
	if n == int(most/unit) {
		return 0
	}
	return time.Duration(n) * unit
}
