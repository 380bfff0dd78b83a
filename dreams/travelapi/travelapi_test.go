package travelapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/offers"
)

// tokens hands out t1, then t2 and so on.
type tokens struct{ renewed int }

func (t *tokens) AccessToken(context.Context) (string, error) { return "t1", nil }
func (t *tokens) Renew(_ context.Context, refused string) (string, error) {
	t.renewed++
	return fmt.Sprintf("t%d", t.renewed+1), nil
}

func acme(t *testing.T, answer http.HandlerFunc) (Client, *tokens) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	source := &tokens{}
	return Client{BaseURL: server.URL, Back: http.DefaultTransport, Tokens: source}, source
}

func TestInvalidTokenIsRenewedOnce(t *testing.T) { // RFC 6750 §3.1
	var seen []string
	c, source := acme(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		w.Header().Set("WWW-Authenticate", `Bearer realm="acme", error="invalid_token"`)
		w.WriteHeader(401)
	})
	_, err := c.Me(t.Context())
	var unauthorized *Unauthorized
	if !errors.As(err, &unauthorized) || source.renewed != 1 || !reflect.DeepEqual(seen, []string{"Bearer t1", "Bearer t2"}) {
		t.Errorf("%v, renewed %d, seen %v", err, source.renewed, seen)
	}
}

func TestOther401IsNotRenewed(t *testing.T) {
	c, source := acme(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="acme"`)
		w.WriteHeader(401)
	})
	if _, err := c.Me(t.Context()); err == nil || source.renewed != 0 {
		t.Errorf("%v, renewed %d", err, source.renewed)
	}
}

func TestRefusalsByType(t *testing.T) {
	status, challenge, document := 0, "", ""
	c, _ := acme(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, document)
	})
	ask := func() error { _, err := c.Preferences(t.Context()); return err }

	status, challenge, document = 403, `Bearer realm="acme", error="insufficient_scope", scope="preferences:read"`, `{"title":"Not allowed","detail":"Wants preferences:read."}`
	var insufficient *InsufficientScope
	if err := ask(); !errors.As(err, &insufficient) || insufficient.Scope != "preferences:read" || !strings.Contains(err.Error(), "Wants preferences:read.") {
		t.Errorf("403: %v", err)
	}
	status, challenge, document = 503, "", `{"title":"The revocation feed is stale"}`
	var unavailable *Unavailable
	if err := ask(); !errors.As(err, &unavailable) || unavailable.RetryAfter != 7*time.Second {
		t.Errorf("503: %v", err)
	}
	status, document = 404, `not JSON`
	var problem *Problem
	if err := ask(); !errors.As(err, &problem) || problem.Status != 404 || problem.Title != "Not Found" {
		t.Errorf("404: %v", err)
	}
	status, document = 200, `[]`
	if err := ask(); err == nil {
		t.Error("an answer of another shape was taken")
	}
}

func TestAcmeDownIsUnavailable(t *testing.T) {
	c, _ := acme(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var unavailable *Unavailable
	if _, err := c.Package(t.Context(), "pk-1"); !errors.As(err, &unavailable) {
		t.Errorf("%v", err)
	}
}

func TestTokenDoesNotFollowARedirect(t *testing.T) {
	stolen := false
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen = true }))
	defer evil.Close()
	c, _ := acme(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Me(t.Context()); err == nil || stolen {
		t.Errorf("%v, followed: %v", err, stolen)
	}
}

func TestAllPagesAreRead(t *testing.T) {
	c, _ := acme(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") != "100" {
			t.Errorf("limit %q", r.URL.Query().Get("limit"))
		}
		switch r.URL.Query().Get("cursor") {
		case "":
			fmt.Fprint(w, `{"packages":[{"id":"a"}],"next_cursor":"c&1"}`)
		case "c&1":
			fmt.Fprint(w, `{"packages":[{"id":"b"}]}`)
		}
	})
	all, err := c.Packages(t.Context())
	if err != nil || len(all) != 2 || all[1].ID != "b" {
		t.Errorf("%v %v", all, err)
	}
}

func TestBearerChallenge(t *testing.T) { // RFC 9110 §11.6.1
	tests := []struct {
		fields []string
		want   map[string]string
	}{
		{nil, nil},
		{[]string{`Basic realm="x"`}, nil},
		{[]string{`Bearer`}, map[string]string{}},
		{[]string{`Bearer realm="a, b", error = invalid_token`}, map[string]string{"realm": "a, b", "error": "invalid_token"}},
		{[]string{`bearer Error="x\"y"`}, map[string]string{"error": `x"y`}},
		{[]string{`DPoP algs="ES256", Bearer error="insufficient_scope", scope="a b"`}, map[string]string{"error": "insufficient_scope", "scope": "a b"}},
		{[]string{`Bearer error="one", DPoP error="two"`}, map[string]string{"error": "one"}},
		{[]string{`DPoP error="two"`, `Bearer error="one"`}, map[string]string{"error": "one"}},
		{[]string{`Bearer error="never closed`}, map[string]string{"error": "never closed"}},
	}
	for _, test := range tests {
		if got := challenge("Bearer", test.fields); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %v, want %v", test.fields, got, test.want)
		}
	}
}

// RFC 9470 §3: the challenge says what would do, and another token of the same
// login would not.
func TestAnOldLoginIsNoBadToken(t *testing.T) {
	header := ""
	c, source := acme(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", r.Method, r.Header.Get("Content-Type"))
		}
		w.Header().Set("WWW-Authenticate", header)
		w.WriteHeader(401)
	})
	for challenge, want := range map[string]InsufficientAuthentication{
		`Bearer realm="acme", error="insufficient_user_authentication", max_age="300"`:                        {MaxAge: 300 * time.Second},
		`DPoP error="insufficient_user_authentication", acr_values="urn:a urn:b"`:                             {ACRValues: []string{"urn:a", "urn:b"}},
		`Bearer realm="acme", DPoP error="insufficient_user_authentication", max_age="x", acr_values="urn:a"`: {ACRValues: []string{"urn:a"}},
	} {
		header = challenge
		_, err := c.PutPreferences(t.Context(), offers.Preferences{})
		var got *InsufficientAuthentication
		if !errors.As(err, &got) || got.MaxAge != want.MaxAge || !slices.Equal(got.ACRValues, want.ACRValues) || source.renewed != 0 {
			t.Errorf("%s: %v %+v, renewed %d", challenge, err, got, source.renewed)
		}
	}
}

func FuzzBearerChallenge(f *testing.F) {
	f.Add(`Bearer realm="acme", error="invalid_token"`)
	f.Add(`DPoP algs="ES256", Bearer error=x, "`)
	f.Add(`Bearer =,=\`)
	f.Fuzz(func(t *testing.T, field string) {
		for name := range challenge("Bearer", []string{field}) {
			if name == "" || strings.ContainsAny(name, " ,=\"") {
				t.Errorf("%q: a parameter is called %q", field, name)
			}
		}
	})
}
