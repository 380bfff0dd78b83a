// Package travelapi is a client of Acme Travel's API. What Acme answers is read
// into the nouns that offers are made from; what it refuses becomes an error
// whose type says what can be done about it.
package travelapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/offers"
)

// Tokens hands out access tokens: of one person's connection, or of Dreams.
type Tokens interface {
	// AccessToken returns the token to send.
	AccessToken(ctx context.Context) (string, error)

	// Renew returns another one than the one that Acme refused.
	Renew(ctx context.Context, refused string) (string, error)
}

// Client calls Acme with one source of tokens.
type Client struct {
	BaseURL string // Acme's public URL
	Back    http.RoundTripper
	Tokens  Tokens
}

const (
	timeout = 10 * time.Second
	maxBody = 8 << 20
)

// Me is who the token speaks for.
type Me struct {
	Subject string `json:"sub"`
	Name    string `json:"name"`
	Picture string `json:"picture"`
	Email   string `json:"email"` // only with the scope email
}

// Me reads the person's profile (scope profile).
func (c Client) Me(ctx context.Context) (me Me, err error) {
	return me, c.get(ctx, "/api/v1/me", &me)
}

// Preferences reads what the person likes (scope preferences:read).
func (c Client) Preferences(ctx context.Context) (p offers.Preferences, err error) {
	return p, c.get(ctx, "/api/v1/me/preferences", &p)
}

// PutPreferences replaces them (scope preferences:write), and returns them as they
// are then. Where Acme wants a younger login the error is an
// *InsufficientAuthentication.
func (c Client) PutPreferences(ctx context.Context, p offers.Preferences) (now offers.Preferences, err error) {
	return now, c.call(ctx, http.MethodPut, "/api/v1/me/preferences", p, &now)
}

// Posts reads the person's blog, unpublished posts included (scope blog:read).
func (c Client) Posts(ctx context.Context) ([]offers.Post, error) {
	var all []offers.Post
	err := c.pages(ctx, "/api/v1/me/posts", func(page pageOf) error {
		all = append(all, page.Posts...)
		return nil
	})
	return all, err
}

// Packages reads the whole catalogue (scope packages:read).
func (c Client) Packages(ctx context.Context) ([]offers.Package, error) {
	var all []offers.Package
	err := c.pages(ctx, "/api/v1/packages?limit=100", func(page pageOf) error {
		all = append(all, page.Packages...)
		return nil
	})
	return all, err
}

// Package reads one package (scope packages:read).
func (c Client) Package(ctx context.Context, id string) (p offers.Package, err error) {
	return p, c.get(ctx, "/api/v1/packages/"+url.PathEscape(id), &p)
}

// Reviews reads what travellers wrote about a package (scope reviews:read).
func (c Client) Reviews(ctx context.Context, id string) ([]offers.Review, error) {
	var all []offers.Review
	err := c.pages(ctx, "/api/v1/packages/"+url.PathEscape(id)+"/reviews", func(page pageOf) error {
		all = append(all, page.Reviews...)
		return nil
	})
	return all, err
}

// pageOf is one page of any of the lists.
type pageOf struct {
	Packages   []offers.Package `json:"packages"`
	Reviews    []offers.Review  `json:"reviews"`
	Posts      []offers.Post    `json:"posts"`
	NextCursor string           `json:"next_cursor"`
}

// maxPages ends a list whose server never stops.
const maxPages = 1000

func (c Client) pages(ctx context.Context, path string, take func(pageOf) error) error {
	u, err := url.Parse(path)
	if err != nil {
		return err
	}
	for range maxPages {
		var page pageOf
		if err := c.get(ctx, u.String(), &page); err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		if page.NextCursor == "" {
			return nil
		}
		query := u.Query()
		query.Set("cursor", page.NextCursor)
		u.RawQuery = query.Encode()
	}
	return fmt.Errorf("GET %s: more than %d pages", path, maxPages)
}

func (c Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// call asks once, and once more with another token where Acme says that the
// first is not valid: it may have expired or been revoked since we looked.
func (c Client) call(ctx context.Context, method, path string, body, into any) error {
	token, err := c.Tokens.AccessToken(ctx)
	if err != nil {
		return err
	}
	err = c.callWith(ctx, method, path, token, body, into)
	var unauthorized *Unauthorized
	if !errors.As(err, &unauthorized) || unauthorized.Code != "invalid_token" {
		return err
	}
	if token, err = c.Tokens.Renew(ctx, token); err != nil {
		return err
	}
	return c.callWith(ctx, method, path, token, body, into)
}

func (c Client) callWith(ctx context.Context, method, path, token string, sent, into any) error {
	var document bytes.Buffer
	if sent != nil {
		if err := json.NewEncoder(&document).Encode(sent); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, &document)
	if err != nil {
		return err
	}
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// In the header and nowhere else (RFC 6750 §2.1): URLs end in logs.
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	client := http.Client{
		Transport: c.Back,
		Timeout:   timeout,
		// A token must not travel to where an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return &Unavailable{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return &Unavailable{Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s %s: the answer is not what the API promises: %w", method, req.URL.Path, err)
	}
	return nil
}

// Problem is an RFC 9457 problem document.
type Problem struct {
	Status int
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("Acme answered %d %s", p.Status, p.Title)
	}
	return fmt.Sprintf("Acme answered %d %s: %s", p.Status, p.Title, p.Detail)
}

// Unauthorized is a 401: Acme wants a token, or another one (RFC 6750 §3.1).
// Code is empty where the request had none.
type Unauthorized struct {
	*Problem
	Code string
}

func (u *Unauthorized) Unwrap() error { return u.Problem }

// InsufficientScope is a 403 for a token that may not do this: "The request
// requires higher privileges than provided by the access token." (RFC 6750 §3.1)
type InsufficientScope struct {
	*Problem
	Scope string // what would open it
}

func (i *InsufficientScope) Unwrap() error { return i.Problem }

// InsufficientAuthentication is a 401 for a token that is good, of a login that is
// not: too old, or done with too little (RFC 9470 §3). Another token of the same
// login helps nobody; the person has to be asked again.
type InsufficientAuthentication struct {
	*Problem
	MaxAge    time.Duration // how old the login may be; 0: Acme did not say
	ACRValues []string      // how it has to be done; nil: Acme did not say
}

func (i *InsufficientAuthentication) Unwrap() error { return i.Problem }

// Unavailable: Acme does not answer, or cannot at the moment.
type Unavailable struct {
	Err        error
	RetryAfter time.Duration // 0: Acme did not say
}

func (u *Unavailable) Error() string { return "Acme cannot be reached: " + u.Err.Error() }
func (u *Unavailable) Unwrap() error { return u.Err }

func refusal(resp *http.Response, body []byte) error {
	p := &Problem{}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "application/problem+json" {
		_ = json.Unmarshal(body, p) // the status says enough where the document does not parse
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(resp.StatusCode)
	}
	challenge := tokenChallenge(resp.Header.Values("WWW-Authenticate"))
	switch {
	case resp.StatusCode == http.StatusUnauthorized && challenge["error"] == "insufficient_user_authentication":
		seconds, _ := strconv.Atoi(challenge["max_age"])
		return &InsufficientAuthentication{p, time.Duration(max(seconds, 0)) * time.Second, strings.Fields(challenge["acr_values"])}
	case resp.StatusCode == http.StatusUnauthorized:
		return &Unauthorized{p, challenge["error"]}
	case resp.StatusCode == http.StatusForbidden && challenge["error"] == "insufficient_scope":
		return &InsufficientScope{p, challenge["scope"]}
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &Unavailable{Err: p, RetryAfter: time.Duration(max(seconds, 0)) * time.Second}
	}
	return p
}
