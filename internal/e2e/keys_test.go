package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	authserver "example.com/acme-dreams/authserver/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// rotateKeys runs authserver's command beside the server, on the same database,
// and returns what it printed.
func (w *World) rotateKeys(t testing.TB, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := authserver.RotateKeys(t.Context(), w.config("authserver", Options{}), args, &out); err != nil {
		t.Fatalf("rotate-keys %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// kids are the names of the keys in the JWKS.
func (w *World) kids(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, key := range w.jwks(t) {
		all = append(all, key["kid"].(string))
	}
	return all
}

// machineToken is a token of dreams-catalogue, and the kid it is signed with.
func (w *World) machineToken(t testing.TB) (token, kid string) {
	t.Helper()
	token = w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}).String("access_token")
	header, _ := parts(t, token)
	kid, _ = header["kid"].(string)
	return token, kid
}

// waitForKey waits until tokens are signed with another key.
func (w *World) waitForKey(t testing.TB, before string) (kid string) {
	t.Helper()
	waitFor(t, within, "tokens are signed with a new key", func() bool {
		_, kid = w.machineToken(t)
		return kid != before
	})
	return kid
}

// OIDC Core §10.1.1: "The JWK Set document at the jwks_uri SHOULD retain
// recently decommissioned signing keys for a reasonable period of time". The
// server notices the command, Acme the server, and nothing that was good is
// refused.
func TestARotationByCommand(t *testing.T) {
	t.Parallel()
	w, old := bothForAlice(t, Options{})
	before, _ := parts(t, old)
	said := w.rotateKeys(t)
	kid := w.waitForKey(t, before["kid"].(string))
	fresh := w.Tokens(t, "alice", "openid preferences:read").String("access_token")
	if !strings.Contains(said, "ES256  "+kid+"  new, signs from ") || !strings.Contains(said, "ES256  "+before["kid"].(string)+"  retired, ") || strings.Count(said, "RS256  ") != 2 {
		t.Errorf("the command said\n%s", said)
	}
	if len(w.kids(t)) != 4 {
		t.Errorf("the JWKS has %v", w.kids(t))
	}
	for name, token := range map[string]string{"old": old, "new": fresh} {
		if through, refusal := w.preferences(t, token); !through {
			t.Errorf("Acme, the %s token: %s", name, refusal)
		}
		if through, refusal := w.userinfo(t, token); !through {
			t.Errorf("userinfo, the %s token: %s", name, refusal)
		}
		if !w.active(t, "acme-api", token) {
			t.Errorf("introspection of the %s token", name)
		}
	}
	// One algorithm alone, and what the command does not understand.
	if said := w.rotateKeys(t, "--algorithm", "RS256"); strings.Contains(said, "ES256") || strings.Count(said, "  new, ") != 1 {
		t.Errorf("for RS256 the command said\n%s", said)
	}
	for _, args := range [][]string{{"--algorithm", "HS256"}, {"--algorithm=none"}, {"--force"}, {"now"}} {
		var out bytes.Buffer
		if err := authserver.RotateKeys(t.Context(), w.config("authserver", Options{}), args, &out); err == nil || out.Len() > 0 {
			t.Errorf("%v: %v, %s", args, err, &out)
		}
	}
	w.wantLogged(t, "signing key rotated", "by command", 2)
}

// Tokens are fetched and used all the time while keys change, strangers invent
// kids, and not one good token is refused: not at Acme, not at userinfo, not by a
// client that knows the issuer alone. What was issued before all of it is good to
// its last second, and then its key is gone everywhere.
func TestRotationsUnderLoad(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	first := w.Tokens(t, "alice", "openid profile preferences:read offline_access")
	old := first.String("access_token")
	provider, err := oidc.NewProvider(t.Context(), w.Auth)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "dreams-web"})
	private, header, claims := w.goodToken(t)
	stored := w.value(t, "authserver", "SELECT private_key FROM signing_keys WHERE algorithm = 'RS256'")

	ctx, stop := context.WithCancel(t.Context())
	var requests atomic.Int32
	var kids sync.Map
	want := func(what string, method, address string, header http.Header, form url.Values) Response {
		answer, err := w.attempt(method, address, header, form)
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s %v", what, answer.Status, answer.Body, err)
		}
		requests.Add(1)
		return answer
	}
	use := func(what, token string) {
		want("Acme, "+what, "GET", w.Acme+"/api/v1/me/preferences", Bearer(token), nil)
		want("userinfo, "+what, "GET", w.Auth+"/userinfo", Bearer(token), nil)
	}
	var working sync.WaitGroup
	loop := func(do func()) {
		working.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				do()
			}
		})
	}
	loop(func() { use("the oldest token", old) })
	for range 2 { // public data, by fresh tokens of a machine
		loop(func() {
			token := want("token", "POST", w.Auth+"/token", Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}).String("access_token")
			want("Acme, a machine's token", "GET", w.Acme+"/api/v1/packages", Bearer(token), nil)
			header, _ := parts(t, token)
			kids.Store(header["kid"], true)
		})
	}
	refresh := first.String("refresh_token")
	loop(func() { // private data, and who it is
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		tokens := want("refresh", "POST", w.Auth+"/token", Basic("dreams-web"), form)
		refresh = tokens.String("refresh_token")
		use("a fresh token", tokens.String("access_token"))
		if _, err := verifier.Verify(ctx, tokens.String("id_token")); err != nil && ctx.Err() == nil {
			t.Errorf("go-oidc: %v", err)
		}
	})
	loop(func() { // a stranger's tokens
		invented := maps.Clone(header)
		invented["kid"] = rand.Text()
		answer, err := w.attempt("GET", w.Acme+"/api/v1/packages", Bearer(sign(t, newKey(t), invented, claims)), nil)
		if err != nil || answer.Status != http.StatusUnauthorized {
			t.Errorf("a stranger's token: %d %v", answer.Status, err)
		}
		time.Sleep(20 * time.Millisecond)
	})
	const rotations = 4
	for range rotations {
		before, _ := w.signingKey(t, "ES256")
		w.rotateKeys(t)
		waitFor(t, within, "the new key signs", func() bool {
			now, _ := w.signingKey(t, "ES256")
			_, signs := kids.Load(now)
			return now != before && signs || t.Failed()
		})
	}
	stop()
	working.Wait()
	t.Logf("%d good answers", requests.Load())
	if len(w.kids(t)) != 2*(rotations+1) {
		t.Errorf("the JWKS has %v", w.kids(t))
	}

	// The last second of the oldest token, and what comes after.
	_, read := parts(t, old)
	ends := time.Unix(int64(read["exp"].(float64)), 0)
	w.Clock.Advance(time.Until(ends) - 2*time.Second)
	use("the oldest token", old)
	w.Clock.Advance(70 * time.Second)
	waitFor(t, within, "keys that are gone leave the JWKS", func() bool { return len(w.kids(t)) == 2 })
	if erased := w.value(t, "authserver", "SELECT count(*) FROM signing_keys WHERE private_key IS NULL AND public_key IS NOT NULL"); erased != strconv.Itoa(2*rotations) {
		t.Errorf("%s private keys were erased, want %d", erased, 2*rotations)
	}
	waitFor(t, within, "the private key is in none of the database's files", func() bool { return !databaseHolds(t, w, stored) })
	claims["exp"] = w.Clock.Now().Add(time.Hour).Unix()
	forged := sign(t, private, header, claims)
	waitFor(t, within, "Acme forgets the key, and what is signed with it", func() bool {
		_, refusal := w.preferences(t, forged)
		return refusal == "401 invalid_token"
	})
}

// The schedule publishes a key before it signs, for longer than anybody may keep
// the JWKS without asking again.
func TestARotationBySchedule(t *testing.T) {
	t.Parallel()
	w := New(t, Options{
		Only: []string{"authserver"}, Env: map[string]string{"KEY_ROTATION": "24h"},
		// The seeded keys are as old as this run of the tests is long.
		SQL: map[string][]string{"authserver": {fmt.Sprintf("UPDATE signing_keys SET created_at = %[1]d, signs_from = %[1]d", time.Now().UnixMilli())}},
	})
	_, first := w.machineToken(t)
	w.Clock.Advance(24*time.Hour - 11*time.Minute)
	time.Sleep(time.Second) // in which nothing is to happen
	if len(w.kids(t)) != 2 {
		t.Fatalf("too early: %v", w.kids(t))
	}
	w.Clock.Advance(2 * time.Minute)
	waitFor(t, within, "the next keys are published", func() bool { return len(w.kids(t)) == 4 })
	document := w.Do(t, "GET", w.Auth+"/jwks", nil, "")
	_, seconds, _ := strings.Cut(document.Header.Get("Cache-Control"), "max-age=")
	if age, err := strconv.Atoi(seconds); err != nil || age > 9*60 {
		t.Errorf("Cache-Control %q, and the next key signs in nine minutes", document.Header.Get("Cache-Control"))
	}
	if _, kid := w.machineToken(t); kid != first {
		t.Error("the next key signs as soon as it is published")
	}
	w.Clock.Advance(10 * time.Minute)
	second := w.waitForKey(t, first)
	if !slices.Contains(w.kids(t), first) {
		t.Error("the old key left the JWKS before its last token expired")
	}
	w.Clock.Advance(time.Hour + time.Minute)
	waitFor(t, within, "the old keys are gone", func() bool { return len(w.kids(t)) == 2 && !slices.Contains(w.kids(t), first) })

	// Who did not run when it was time catches up, and publishes first.
	w.Clock.Advance(30 * 24 * time.Hour)
	waitFor(t, within, "the next keys are published", func() bool { return len(w.kids(t)) == 4 })
	if _, kid := w.machineToken(t); kid != second {
		t.Error("a key that comes late signs as soon as it is published")
	}
	w.wantLogged(t, "signing key rotated", "by schedule", 4)
}

// KEY_ROTATION=0: keys are replaced by order alone.
func TestKeysStayWithoutASchedule(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"KEY_ROTATION": "0"}})
	before := w.kids(t)
	w.Clock.Advance(5 * 365 * 24 * time.Hour)
	time.Sleep(time.Second)
	if after := w.kids(t); !slices.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

// Two servers on one database, and their schedule: one new key of an algorithm,
// which both take in.
func TestTwoServersMakeOneKey(t *testing.T) {
	t.Parallel()
	one := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"KEY_ROTATION": "24h"}})
	two := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"KEY_ROTATION": "24h"}, DataDir: one.DataDir})
	for n := range 3 {
		_, before := one.machineToken(t)
		for _, w := range []*World{one, two} {
			w.Clock.Advance(24 * time.Hour)
		}
		made := func() string { return one.value(t, "authserver", "SELECT count(*) FROM signing_keys") }
		want := strconv.Itoa(2 * (n + 2))
		waitFor(t, 5*time.Second, "the next keys are there", func() bool { return made() >= want })
		time.Sleep(500 * time.Millisecond) // for whoever is slower
		if got := made(); got != want {
			t.Errorf("after %d rotations there are %s keys", n+1, got)
		}
		for _, w := range []*World{one, two} {
			w.Clock.Advance(11 * time.Minute)
		}
		if a, b := one.waitForKey(t, before), two.waitForKey(t, before); a != b {
			t.Errorf("one signs with %s, the other with %s", a, b)
		}
	}
}

// A key that leaked: it leaves the JWKS at once, and whatever it signs or signed
// opens nothing any more, at Acme within two seconds.
func TestALeakedKeyIsRevoked(t *testing.T) {
	t.Parallel()
	w, old := bothForAlice(t, Options{})
	private, header, claims := w.goodToken(t)
	before := w.kids(t)
	said := w.rotateKeys(t, "--revoke-old")
	if strings.Count(said, "revoked") != 2 {
		t.Errorf("the command said\n%s", said)
	}
	for what, token := range map[string]string{"a token from before": old, "one that the thief makes": sign(t, private, header, claims)} {
		waitFor(t, 2*time.Second, "Acme refuses "+what, func() bool {
			_, refusal := w.preferences(t, token)
			return refusal == "401 invalid_token"
		})
		if through, refusal := w.userinfo(t, token); through || refusal != "401 invalid_token" {
			t.Errorf("userinfo, %s: %s", what, refusal)
		}
		if w.active(t, "acme-api", token) {
			t.Errorf("introspection: %s is active", what)
		}
	}
	for _, kid := range w.kids(t) {
		if slices.Contains(before, kid) {
			t.Errorf("%s is still in the JWKS", kid)
		}
	}
	fresh := w.Tokens(t, "alice", "openid preferences:read").String("access_token")
	if through, refusal := w.preferences(t, fresh); !through {
		t.Errorf("a new token: %s", refusal)
	}
	w.wantLogged(t, "signing keys revoked", "by command", 1)
}

// Dreams and Acme's own website, which are clients, know the new key by its kid.
func TestClientsNoticeARotation(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	connect := func() {
		b := NewBrowser(t)
		page := w.LogIn(b, b.Get(w.Dreams+"/connect"), "alice", "wanderlust")
		if strings.Contains(page.URL.Path, "/consent") {
			page = b.Form(page, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
		}
		if !knownAtDreams(w, b) {
			t.Fatalf("not connected: %d %s", page.Status, page.URL)
		}
		if page := b.Get(w.Acme + "/login"); !strings.Contains(page.Body, "Alice Moreau") {
			t.Errorf("not signed in at Acme: %d %s", page.Status, page.URL)
		}
	}
	connect()
	for _, args := range [][]string{nil, {"--revoke-old"}} {
		_, before := w.machineToken(t)
		w.rotateKeys(t, args...)
		w.waitForKey(t, before)
		connect()
	}
}

// encryptionKey is a value of KEY_ENCRYPTION_KEY.
func encryptionKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// startWith composes authserver on a world's data with other variables, and
// tells why it does not start.
func (w *World) startWith(t testing.TB, variables map[string]string) error {
	t.Helper()
	c := w.config("authserver", Options{})
	all := map[string]string{"DATA_DIR": w.DataDir, "AUTHSERVER_URL": w.Auth, "ACME_URL": w.Acme, "DREAMS_URL": w.Dreams}
	maps.Copy(all, variables)
	var err error
	if c.Env, err = environment.Parse(all); err != nil {
		t.Fatal(err)
	}
	server, err := authserver.New(t.Context(), c)
	if err == nil {
		_ = server.Close()
	}
	return err
}

// A copy of the database signs nothing: private keys are encrypted with a key
// that is not in it, those from before too. What is encrypted with another key,
// or put into another row, stops the start.
func TestPrivateKeysAreEncryptedAtRest(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"KEY_ENCRYPTION_KEY": ""}})
	token, kid := w.machineToken(t)
	plain := w.value(t, "authserver", "SELECT private_key FROM signing_keys WHERE algorithm = 'RS256'")
	w.Stop()
	if !databaseHolds(t, w, plain) {
		t.Fatal("without KEY_ENCRYPTION_KEY the key is not found: the test looks at the wrong place")
	}
	secret, next := encryptionKey(), encryptionKey()
	with := func(value string) map[string]string { return map[string]string{"KEY_ENCRYPTION_KEY": value} }
	if err := w.startWith(t, with(secret)); err != nil {
		t.Fatal(err)
	}
	if databaseHolds(t, w, plain) {
		t.Error("the private key is in the database's files")
	}
	wantUnusable := func(what string, err error) {
		t.Helper()
		if unusable, ok := err.(program.Unusable); !ok || unusable.Variable != "KEY_ENCRYPTION_KEY" || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantUnusable("without the key", w.startWith(t, nil))
	wantUnusable("with another key", w.startWith(t, with(next)))

	// The same keys, and the same tokens.
	again := New(t, Options{Only: []string{"authserver"}, Env: with(secret), DataDir: w.DataDir})
	if _, now := again.machineToken(t); now != kid {
		t.Errorf("another key signs: %s, before %s", now, kid)
	}
	again.rotateKeys(t)
	again.waitForKey(t, kid)
	if !again.active(t, "dreams-catalogue", token) {
		t.Error("a token from before is not active")
	}
	again.Stop()

	// The encryption key is replaced: the new one first, the old one behind it.
	for _, value := range []string{next + "," + secret, next} {
		if err := w.startWith(t, with(value)); err != nil {
			t.Errorf("after the replacement: %v", err)
		}
	}
	wantUnusable("with the key that was replaced", w.startWith(t, with(secret)))

	// The kid is authenticated with the key: a row holds its own.
	runSQL(t, filepath.Join(w.DataDir, "authserver.db"), []string{
		`UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys AS other WHERE other.algorithm = signing_keys.algorithm AND other.kid <> signing_keys.kid)`,
	})
	wantUnusable("with keys in one another's place", w.startWith(t, with(next)))
}

// databaseHolds looks for bytes in the files of authserver's database.
func databaseHolds(t testing.TB, w *World, secret string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.DataDir, "authserver.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(content, []byte(secret))
	})
}

// RFC 7519 §4.1.4, §4.1.5: tokens of a server whose clock is not Acme's.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]string{
		9 * time.Second:   "200",
		11 * time.Second:  "401 invalid_token",
		-59 * time.Second: "200",
	} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Only: []string{"authserver", "acme"}, Ahead: map[string]time.Duration{"authserver": ahead}, Env: map[string]string{"ACCESS_TOKEN_TTL": "5m"}})
			w.waitForAcme(t)
			token, _ := w.machineToken(t)
			answer := w.API(t, "GET", "/packages", token, "")
			if answer.Refusal() != want {
				t.Errorf("%s: %s", answer.Refusal(), answer.Body)
			}
			if want != "200" {
				wantBearerRefusal(t, w, answer, want, "not yet valid", "iat 11 s ahead")
				return
			}
			// "on or after which the JWT MUST NOT be accepted": by Acme's clock.
			_, claims := parts(t, token)
			w.Clock.Advance(time.Until(time.Unix(int64(claims["exp"].(float64)), 0)))
			if answer := w.API(t, "GET", "/packages", token, ""); answer.Refusal() != "401 invalid_token" {
				t.Errorf("at exp: %s", answer.Refusal())
			}
		})
	}
}
