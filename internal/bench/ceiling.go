package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/sqlite"
	"example.com/acme-dreams/seed"
)

// ceiling does the work that cannot be left out, and nothing else: it reads the
// same request, signs or verifies with the same algorithm, keeps the same rows
// through the same group commit, and checks no rule of any specification. It
// is not a server to copy.
type ceiling struct {
	*echo.Echo
	key    *ecdsa.PrivateKey
	secret [sha256.Size]byte
	issuer string
	db     *sqlite.DB
	travel seed.Package
}

//go:embed migrations
var ceilingMigrations embed.FS

func newCeiling(ctx context.Context, env environment.Environment) (*ceiling, error) {
	migrations, err := fs.Sub(ceilingMigrations, "migrations")
	if err != nil {
		return nil, err
	}
	s := &ceiling{Echo: echo.New(), secret: sha256.Sum256([]byte(webClient + "-secret")), issuer: env.AuthserverURL.String()}
	if s.db, err = sqlite.Open(ctx, filepath.Join(env.DataDir, "ceiling.db"), migrations); err != nil {
		return nil, err
	}
	now := time.Now()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, session := tx.Exec(ctx, "INSERT INTO sessions (hash, sub, auth_time, expires_at) VALUES (?, ?, ?, ?)",
			hash(sessionCookie), person, now.UnixMilli(), now.Add(24*time.Hour).UnixMilli())
		_, consent := tx.Exec(ctx, "INSERT INTO consents (sub, client_id, id, scope) VALUES (?, ?, 'c', ?)", person, webClient, everyScope)
		return errors.Join(session, consent)
	})
	if err != nil {
		return nil, err
	}
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	all := seed.Packages()
	s.travel = all[slices.IndexFunc(all, func(p seed.Package) bool { return p.ID == onePackage })]

	blob := func(path string) {
		// Of the same length as what it is compared with.
		body := []byte(`{"blob":"` + strings.Repeat("x", blobLength[path]) + `"}`)
		s.GET(path, func(c echo.Context) error { return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body) })
	}
	s.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	s.POST("/token", s.token)
	s.GET("/authorize", s.authorize)
	s.POST("/introspect", s.introspect)
	s.GET("/package", s.resource)
	blob(jwksPath)
	blob(discoveryPath)
	return s, nil
}

// blobLength is about what the authorization server's documents have.
var blobLength = map[string]int{jwksPath: 700, discoveryPath: 2000}

type ceilingClaims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	GrantID  string `json:"grant_id,omitempty"`
}

func (s *ceiling) sign(i ceilingIssue) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, ceilingClaims{jwt.RegisteredClaims{
		Issuer: s.issuer, Subject: i.sub, Audience: jwt.ClaimStrings{"http://localhost:9001"}, ID: random(),
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
	}, webClient, i.scope, i.grant})
	t.Header["typ"], t.Header["kid"] = "at+jwt", "a-thumbprint-has-forty-three-characters-abc"
	return t.SignedString(s.key)
}

func (s *ceiling) verify(compact string) (ceilingClaims, error) {
	var claims ceilingClaims
	_, err := jwt.ParseWithClaims(compact, &claims, func(*jwt.Token) (any, error) { return &s.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(s.issuer))
	return claims, err
}

// form reads the form of a client that authenticates.
func (s *ceiling) form(c echo.Context) (url.Values, error) {
	if err := c.Request().ParseForm(); err != nil {
		return nil, err
	}
	_, secret, _ := c.Request().BasicAuth()
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], s.secret[:]) != 1 {
		return nil, echo.NewHTTPError(http.StatusUnauthorized)
	}
	return c.Request().PostForm, nil
}

type ceilingTokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
}

func (s *ceiling) token(c echo.Context) error {
	form, err := s.form(c)
	if err != nil {
		return err
	}
	i := ceilingIssue{sub: webClient, scope: form.Get("scope")}
	switch form.Get("grant_type") {
	case "authorization_code":
		i, err = s.redeem(c.Request().Context(), form)
	case "refresh_token":
		i, err = s.rotate(c.Request().Context(), form)
	}
	if err != nil {
		return err
	}
	access, err := s.sign(i)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ceilingTokens{access, "Bearer", 3600, i.refresh, i.scope})
}

// ceilingIssue is what a token is issued for.
type ceilingIssue struct{ sub, scope, grant, refresh string }

// authorize finds the session and the consent and stores a code.
func (s *ceiling) authorize(c echo.Context) error {
	ctx, query := c.Request().Context(), c.QueryParams()
	cookie, err := c.Cookie("authserver_session")
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	var sub, consent, scope string
	var authTime int64
	if err := s.db.QueryRow(ctx, "SELECT sub, auth_time FROM sessions WHERE hash = ? AND expires_at > ?", hash(cookie.Value), now).
		Scan(&sub, &authTime); err != nil {
		return err
	}
	if err := s.db.QueryRow(ctx, "SELECT id, scope FROM consents WHERE sub = ? AND client_id = ?", sub, query.Get("client_id")).
		Scan(&consent, &scope); err != nil {
		return err
	}
	code, grant := random(), random()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO grants (id, client_id, sub, consent_id, scope, auth_time, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			grant, query.Get("client_id"), sub, consent, query.Get("scope"), authTime, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO codes (hash, grant_id, redirect_uri, code_challenge, expires_at) VALUES (?, ?, ?, ?, ?)",
			hash(code), grant, query.Get("redirect_uri"), query.Get("code_challenge"), now+60_000)
		return err
	})
	if err != nil {
		return err
	}
	back := url.Values{"code": {code}, "state": {query.Get("state")}, "iss": {s.issuer}}
	return c.Redirect(http.StatusSeeOther, query.Get("redirect_uri")+"?"+back.Encode())
}

func (s *ceiling) redeem(ctx context.Context, form url.Values) (i ceilingIssue, err error) {
	now := time.Now().UnixMilli()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var uri, challenge string
		if err := tx.QueryRow(ctx, `UPDATE codes SET spent_at = ?1 WHERE hash = ?2 AND spent_at IS NULL AND expires_at > ?1
			RETURNING grant_id, redirect_uri, code_challenge`, now, hash(form.Get("code"))).Scan(&i.grant, &uri, &challenge); err != nil {
			return err
		}
		verifier := sha256.Sum256([]byte(form.Get("code_verifier")))
		if uri != form.Get("redirect_uri") || challenge != base64.RawURLEncoding.EncodeToString(verifier[:]) {
			return errors.New("another redirect_uri or code_verifier")
		}
		return i.use(ctx, tx, now)
	})
	return i, err
}

func (s *ceiling) rotate(ctx context.Context, form url.Values) (i ceilingIssue, err error) {
	now := time.Now().UnixMilli()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := tx.QueryRow(ctx, "UPDATE refresh_tokens SET spent_at = ?1 WHERE hash = ?2 AND spent_at IS NULL AND expires_at > ?1 RETURNING grant_id",
			now, hash(form.Get("refresh_token"))).Scan(&i.grant); err != nil {
			return err
		}
		return i.use(ctx, tx, now)
	})
	return i, err
}

// use notes that a token is issued, and stores the refresh token beside it.
func (i *ceilingIssue) use(ctx context.Context, tx *sqlite.Tx, now int64) error {
	if err := tx.QueryRow(ctx, "UPDATE grants SET used_at = ? WHERE id = ? RETURNING sub, scope", now, i.grant).Scan(&i.sub, &i.scope); err != nil {
		return err
	}
	if !strings.Contains(i.scope, "offline_access") {
		return nil
	}
	i.refresh = random()
	_, err := tx.Exec(ctx, "INSERT INTO refresh_tokens (hash, grant_id, expires_at) VALUES (?, ?, ?)", hash(i.refresh), i.grant, now+time.Hour.Milliseconds())
	return err
}

// introspect reads a JWT, or looks an opaque token up.
func (s *ceiling) introspect(c echo.Context) error {
	form, err := s.form(c)
	if err != nil {
		return err
	}
	answer := struct {
		Active    bool   `json:"active"`
		Scope     string `json:"scope,omitempty"`
		ClientID  string `json:"client_id"`
		Subject   string `json:"sub,omitempty"`
		ExpiresAt int64  `json:"exp"`
		Issuer    string `json:"iss"`
		JWTID     string `json:"jti,omitempty"`
	}{Active: true, ClientID: webClient, Issuer: s.issuer}
	if token := form.Get("token"); strings.Contains(token, ".") {
		claims, err := s.verify(token)
		if err != nil {
			return err
		}
		answer.Scope, answer.Subject, answer.ExpiresAt, answer.JWTID = claims.Scope, claims.Subject, claims.ExpiresAt.Unix(), claims.ID
	} else if err := s.db.QueryRow(c.Request().Context(), "SELECT grant_id, expires_at FROM refresh_tokens WHERE hash = ? AND spent_at IS NULL", hash(token)).
		Scan(&answer.Subject, &answer.ExpiresAt); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}

// resource verifies an access token and answers with about a kilobyte.
func (s *ceiling) resource(c echo.Context) error {
	compact, _ := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
	claims, err := s.verify(compact)
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(claims.Scope), "packages:read") {
		return echo.NewHTTPError(http.StatusForbidden)
	}
	return c.JSON(http.StatusOK, s.travel)
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func random() string {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// runCeiling is the ceiling as a process of its own, on net/http as it comes,
// with the garbage collector set as in package program: what it gains is not
// what the ratio is about.
func runCeiling() int {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(64 << 20)
	env, err := environment.Parse(map[string]string{"DATA_DIR": os.Getenv("DATA_DIR"), "AUTHSERVER_URL": os.Getenv("AUTHSERVER_URL")})
	if err != nil {
		return fail(err)
	}
	s, err := newCeiling(context.Background(), env)
	if err != nil {
		return fail(err)
	}
	return fail(http.ListenAndServe(env.AuthserverURL.Address(), s))
}
