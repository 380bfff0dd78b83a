package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// deviceServer answers /device_authorization and /token with what a test wants.
func deviceServer(t *testing.T, answers map[string]any) *DeviceCode {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/.well-known/openid-configuration" {
			fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":%q,"device_authorization_endpoint":%q}`, server.URL, server.URL+"/token", server.URL+"/device_authorization")
			return
		}
		if err := r.ParseForm(); err != nil || r.Header.Get("Authorization") != "" || r.Form.Get("client_id") != "tv" {
			t.Errorf("%s: a public client names itself by client_id alone: %v, %q", r.URL.Path, r.Form, r.Header.Get("Authorization"))
		}
		if r.URL.Path == "/token" {
			if got := r.Form.Get("grant_type"); got != "urn:ietf:params:oauth:grant-type:device_code" || r.Form.Get("device_code") != "dc" {
				t.Errorf("token request: %v", r.Form)
			}
		}
		answer := answers[r.URL.Path]
		if object, ok := answer.(map[string]any); ok && object["error"] != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return &DeviceCode{Server: NewAuthorizationServer(server.URL, http.DefaultTransport), Client: "tv", Scopes: []string{"profile"}, Now: time.Now}
}

func TestDeviceAuthorizationResponse(t *testing.T) { // RFC 8628 §3.2
	whole := func(changes map[string]any) map[string]any {
		all := map[string]any{"device_code": "dc", "user_code": "WDJB-MJHT", "verification_uri": "http://localhost/device", "expires_in": 600}
		for name, value := range changes {
			all[name] = value
		}
		return all
	}
	for name, tt := range map[string]struct {
		answer   map[string]any
		interval time.Duration // 0: refused
	}{
		"without interval it is five seconds": {whole(nil), 5 * time.Second},
		"with an interval":                    {whole(map[string]any{"interval": 7}), 7 * time.Second},
		"no device_code":                      {whole(map[string]any{"device_code": ""}), 0},
		"no user_code":                        {whole(map[string]any{"user_code": ""}), 0},
		"no expires_in":                       {whole(map[string]any{"expires_in": 0}), 0},
		"no verification_uri":                 {whole(map[string]any{"verification_uri": ""}), 0},
		"a script for the person":             {whole(map[string]any{"verification_uri": "javascript:alert(1)"}), 0},
		"a file for the picture":              {whole(map[string]any{"verification_uri_complete": "file:///etc/passwd"}), 0},
		"an error":                            {map[string]any{"error": "invalid_scope"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := deviceServer(t, map[string]any{"/device_authorization": tt.answer}).Start(t.Context())
			if (err == nil) != (tt.interval > 0) || d.Interval != tt.interval {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

func TestPollReportsWhatTheServerSaid(t *testing.T) { // RFC 8628 §3.5
	for _, code := range []string{"authorization_pending", "slow_down", "access_denied", "expired_token"} {
		_, err := deviceServer(t, map[string]any{"/token": map[string]any{"error": code}}).Poll(t.Context(), Device{Code: "dc"})
		if refused := (*TokenError)(nil); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	got, err := deviceServer(t, map[string]any{"/token": map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "refresh_token": "rt"}}).
		Poll(t.Context(), Device{Code: "dc"})
	if err != nil || got.AccessToken != "at" || got.RefreshToken != "rt" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHowADeviceGoesOn(t *testing.T) { // RFC 8628 §3.5
	d := Device{Interval: 5 * time.Second}
	for _, tt := range []struct {
		err      error
		again    bool
		interval time.Duration
	}{
		{&TokenError{Code: "authorization_pending"}, true, 5 * time.Second},
		{&TokenError{Code: "slow_down"}, true, 10 * time.Second},
		{&Unreachable{errors.New("timeout")}, true, 10 * time.Second},
		{&TokenError{Code: "access_denied"}, false, 5 * time.Second},
		{&TokenError{Code: "expired_token"}, false, 5 * time.Second},
		{&TokenError{Code: "invalid_grant"}, false, 5 * time.Second},
		{nil, false, 5 * time.Second},
	} {
		next, again := d.After(tt.err)
		if again != tt.again || next.Interval != tt.interval {
			t.Errorf("%v: again %v, every %v", tt.err, again, next.Interval)
		}
	}
	far := Device{Interval: 2 * time.Minute}
	if next, _ := far.After(&Unreachable{errors.New("timeout")}); next.Interval != 2*time.Minute {
		t.Errorf("a silent server made a patient device ask more often: %v", next.Interval)
	}
}

func TestAskingForACodeEndsWithItsCaller(t *testing.T) {
	released := make(chan struct{})
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/device_authorization" {
			<-released
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"x","device_authorization_endpoint":%q}`, server.URL, server.URL+"/device_authorization")
	}))
	defer server.Close()
	defer close(released)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	g := &DeviceCode{Server: NewAuthorizationServer(server.URL, http.DefaultTransport), Client: "tv", Now: time.Now}
	begin := time.Now()
	if _, err := g.Start(ctx); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}
