package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What takes long: make soak. SOAK_MINUTES says how long, about; at thirty and
// more there are a hundred kills.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("SOAK_MINUTES"), 64)
	if err != nil {
		t.Log("make soak runs this: SOAK_MINUTES is not a number")
		return
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "./authserver", "./acme", "./dreams")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	span := time.Duration(minutes * float64(time.Minute))
	t.Run("kill -9 under fifty writers", func(t *testing.T) { killedUnderWriters(t, newProcesses(t, bin), min(100, max(3, int(minutes*100/30)))) })
	t.Run("rolling restarts under load", func(t *testing.T) { restartedUnderLoad(t, newProcesses(t, bin), span/5) })
	t.Run("an unknown client takes as long as a wrong secret", func(t *testing.T) { unknownTakesAsLong(t, newProcesses(t, bin)) })
	t.Run("memory and goroutines stay where they are", func(t *testing.T) { staysWhereItIs(t, newProcesses(t, bin), span/4) })
}

// quitter ends a writer where nobody answers: the browser stops at its Fatal.
type quitter struct{}

func (quitter) Helper()                           {}
func (quitter) Fatal(args ...any)                 { panic(errNobody) }
func (quitter) Fatalf(format string, args ...any) { panic(errNobody) }

// registrar registers clients, and remembers those that it was told of.
type registrar struct {
	w    *World
	told []Response
	err  error
}

func (r *registrar) work(at *atomic.Int32) {
	for n := 0; r.err == nil; n++ {
		body := fmt.Sprintf(`{"client_name":"Soak %d","redirect_uris":["https://client.example/%d"]}`, n, n)
		req, _ := http.NewRequest("POST", r.w.Auth+"/register", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		resp, err := r.w.Client.Do(req)
		if err != nil {
			return
		}
		var object map[string]any
		err = json.NewDecoder(resp.Body).Decode(&object)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return // cut off
		case resp.StatusCode == http.StatusTooManyRequests:
			time.Sleep(20 * time.Millisecond)
		case resp.StatusCode != http.StatusCreated:
			r.err = fmt.Errorf("register: %s %v", resp.Status, object)
		default:
			text, _ := json.Marshal(object)
			r.told = append(r.told, Response{Status: resp.StatusCode, Body: string(text)})
			at.Add(1)
		}
	}
}

func (r *registrar) check(t *testing.T) {
	t.Helper()
	if r.err != nil {
		t.Error(r.err)
	}
	for _, client := range r.told {
		if got := r.w.Do(t, "GET", client.String("registration_client_uri"), Bearer(client.String("registration_access_token")), ""); got.Status != http.StatusOK {
			t.Errorf("a client was registered, and is unknown: %d", got.Status)
		}
	}
}

// decider decides about Dreams again and again, differently each time.
type decider struct {
	w       *World
	b       *Browser
	decided string // what was answered last
	doubt   string // what was sent, and not answered
	err     error
}

func (d *decider) work(at *atomic.Int32) {
	defer func() {
		if p := recover(); p != nil && p != any(errNobody) {
			panic(p)
		}
	}()
	for _, scope := range slices.Repeat([]string{"email", "preferences:read", "blog:read"}, 1000) {
		page := d.w.Authorize(d.b, With(d.w.Request("openid profile email preferences:read blog:read"), url.Values{"prompt": {"consent"}}))
		if page.Status != http.StatusOK {
			d.err = fmt.Errorf("no question: %d", page.Status)
			return
		}
		form := d.b.Form(page, "decision").With(url.Values{"scope": {scope}, "decision": {"allow"}, "duration": nil})
		d.doubt = scope
		if answer := form.Submit(); answer.Answer().Get("code") == "" {
			d.err = fmt.Errorf("no code: %d %s", answer.Status, answer.Location)
			return
		}
		d.decided, d.doubt = scope, ""
		at.Add(1)
	}
}

func (d *decider) check(t *testing.T, username string) {
	t.Helper()
	if d.err != nil {
		t.Error(d.err)
	}
	if d.decided == "" {
		return
	}
	scope := strings.Fields(d.w.value(t, "authserver", "SELECT scope FROM consents JOIN users USING (sub) WHERE username = '"+username+"' AND client_id = 'dreams-web' AND ended_at IS NULL"))
	if !slices.Contains(scope, d.decided) && (d.doubt == "" || !slices.Contains(scope, d.doubt)) {
		t.Errorf("%s agreed to %s (and may have to %s), and it is %s", username, d.decided, d.doubt, scope)
	}
}

// Whatever was answered before a kill is so after it.
func killedUnderWriters(t *testing.T, p *processes, cycles int) {
	const witnesses, registrars = 45, 3 // and two who decide
	authserver := p.start(t, "authserver")
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile offline_access"), "offline_access")
	cookie := http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}}
	people := map[string]*Browser{"bob": p.SignedIn(t, "bob"), "carol": p.SignedIn(t, "carol")}
	var slowest time.Duration
	var redeemed, refreshed, revoked, registered, decided int
	begin := time.Now()
	for range cycles {
		var working sync.WaitGroup
		var done atomic.Int32
		all := make([]*witness, witnesses)
		for i := range all {
			all[i] = &witness{w: p.World, cookie: cookie, exchanges: &done}
			working.Go(all[i].work)
		}
		registering := make([]*registrar, registrars)
		for i := range registering {
			registering[i] = &registrar{w: p.World}
			working.Go(func() { registering[i].work(&done) })
		}
		deciding := map[string]*decider{}
		for name, b := range people {
			quiet := *b
			quiet.t = quitter{}
			d := &decider{w: p.World, b: &quiet}
			deciding[name] = d
			working.Go(func() { d.work(&done) })
		}
		waitFor(t, 60*time.Second, "the writers are at work", func() bool { return done.Load() >= 2*(witnesses+registrars+2) })
		time.Sleep(time.Duration(rand.IntN(100_000)) * time.Microsecond)
		authserver.kill()
		working.Wait()
		if got := p.value(t, "authserver", "PRAGMA integrity_check"); got != "ok" {
			t.Fatalf("integrity_check: %s", got)
		}
		starting := time.Now()
		authserver = p.start(t, "authserver")
		slowest = max(slowest, time.Since(starting))
		for name, d := range deciding {
			d.check(t, name)
			decided++
		}
		for _, r := range registering {
			r.check(t)
			registered += len(r.told)
		}
		for _, v := range all {
			redeemed, refreshed, revoked = redeemed+len(v.redeemed), refreshed+len(v.spent), revoked+len(v.revoked)
			v.check(t)
		}
		if t.Failed() {
			return
		}
	}
	if slowest > 2*time.Second {
		t.Errorf("a start took %s", slowest)
	}
	t.Logf("%d kills in %s; checked after them: %d codes redeemed, %d refresh tokens rotated, %d grants revoked, %d clients registered, %d consents; slowest start %s",
		cycles, time.Since(begin).Round(time.Second), redeemed, refreshed, revoked, registered, decided, slowest.Round(time.Millisecond))
}

// A restart is a refused connection or a 503, and no other failure.
func restartedUnderLoad(t *testing.T, p *processes, span time.Duration) {
	running := map[string]*process{}
	for _, name := range []string{"authserver", "acme", "dreams"} {
		running[name] = p.start(t, name)
	}
	p.waitForAcme(t)
	_, tokens := "", p.offline(t)
	ending := make(chan struct{})
	var working sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	ask := func(method, address string, header http.Header, form url.Values) {
		answer, err := p.attempt(method, address, header, form)
		status := answer.Status
		if err != nil {
			status = 0
		}
		mu.Lock()
		defer mu.Unlock()
		answers[status]++
		if status >= 500 && status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d %s", method, address, status, answer.Body)
		}
	}
	for range 10 {
		working.Go(func() {
			for {
				select {
				case <-ending:
					return
				default:
				}
				ask("POST", p.Auth+"/token", Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
				ask("POST", p.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {tokens.String("access_token")}})
				ask("GET", p.Acme+"/api/v1/me", Bearer(tokens.String("access_token")), nil)
				ask("GET", p.Acme+"/packages", nil, nil)
				ask("GET", p.Dreams+"/", nil, nil)
				ask("GET", p.Auth+"/login", nil, nil)
			}
		})
	}
	restarts := 0
	for until := time.Now().Add(max(span, 10*time.Second)); time.Now().Before(until) && !t.Failed(); {
		for _, name := range []string{"authserver", "acme", "dreams"} {
			time.Sleep(time.Second)
			if status := running[name].stop(t, syscall.SIGTERM); status != 0 {
				t.Errorf("%s: exit status %d: %s", name, status, running[name].out.Bytes())
			}
			running[name] = p.start(t, name)
			restarts++
		}
	}
	close(ending)
	working.Wait()
	t.Logf("%d restarts; answers by status (0: nobody was there): %v", restarts, answers)
}

// Who is refused must not learn by the clock which of the two was wrong.
func unknownTakesAsLong(t *testing.T, p *processes) {
	p.start(t, "authserver")
	const samples = 2000
	one := func(header http.Header) float64 {
		begin := time.Now()
		answer, err := p.attempt("POST", p.Auth+"/token", header, url.Values{"grant_type": {"client_credentials"}})
		took := time.Since(begin)
		if err != nil || answer.Refusal() != "401 invalid_client" {
			t.Fatalf("%v %s", err, answer.Refusal())
		}
		return float64(took.Nanoseconds())
	}
	unknown, wrong := Credentials{"dreams-catalogux", "a-wrong-secret"}.Header(), Credentials{"dreams-catalogue", "a-wrong-secret"}.Header()
	for range 500 { // warm
		one(unknown)
		one(wrong)
	}
	for run := range 3 {
		var a, b []float64
		for i := range samples {
			if i%2 == 0 {
				a, b = append(a, one(unknown)), append(b, one(wrong))
			} else {
				b, a = append(b, one(wrong)), append(a, one(unknown))
			}
		}
		difference := median(a)/median(b) - 1
		probability := mannWhitney(a, b)
		t.Logf("run %d: medians %.1f and %.1f µs (%+.2f %%), Mann-Whitney p = %.3f", run+1, median(a)/1000, median(b)/1000, difference*100, probability)
		if math.Abs(difference) > 0.05 || probability < 0.01 {
			t.Errorf("run %d: the clock tells an unknown client from a wrong secret", run+1)
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// mannWhitney is the probability of two samples like these from one population:
// the U test in its normal approximation.
func mannWhitney(a, b []float64) float64 {
	type sample struct {
		value float64
		first bool
	}
	var all []sample
	for _, v := range a {
		all = append(all, sample{v, true})
	}
	for _, v := range b {
		all = append(all, sample{v, false})
	}
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.value, y.value) })
	ranks, n, m := 0.0, float64(len(a)), float64(len(b))
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].value == all[i].value {
			j++
		}
		for _, s := range all[i:j] {
			if s.first {
				ranks += float64(i+j+1) / 2 // ties share their ranks
			}
		}
		i = j
	}
	u := ranks - n*(n+1)/2
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

// What a server keeps in memory does not grow with what it has answered.
func staysWhereItIs(t *testing.T, p *processes, span time.Duration) {
	p.start(t, "authserver")
	p.start(t, "acme")
	p.waitForAcme(t)
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile offline_access"), "offline_access")
	cookie := http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}}
	load := func(span time.Duration) (exchanges int32) {
		var done atomic.Int32
		var working sync.WaitGroup
		until := time.Now().Add(span)
		for range 10 {
			working.Go(func() {
				v := &witness{w: p.World, cookie: cookie, exchanges: &done}
				for time.Now().Before(until) {
					if err := v.exchange(); err != nil {
						if !errors.Is(err, errNobody) {
							t.Error(err)
						}
						return
					}
					if token := v.current.String("access_token"); token != "" {
						_, _ = p.attempt("GET", p.Acme+"/api/v1/me", Bearer(token), nil)
					}
					done.Add(1)
				}
			})
		}
		working.Wait()
		p.Client.CloseIdleConnections()
		time.Sleep(500 * time.Millisecond)
		return done.Load()
	}
	// Caches fill: Acme's of verified signatures has 4,096 entries.
	for warm := int32(0); warm < 10_000 && !t.Failed(); {
		warm += load(max(span/4, 10*time.Second))
	}
	type figures struct{ memory, goroutines float64 }
	look := func(program string) figures {
		return figures{p.metric(t, program, "process_resident_memory_bytes") / (1 << 20), p.metric(t, program, "go_goroutines")}
	}
	before := []figures{look(p.Auth), look(p.Acme)}
	exchanges := load(max(span, 10*time.Second))
	for i, name := range []string{"authserver", "acme"} {
		after := look([]string{p.Auth, p.Acme}[i])
		t.Logf("%s: %.1f -> %.1f MB, %g -> %g goroutines after %d more exchanges", name, before[i].memory, after.memory, before[i].goroutines, after.goroutines, exchanges)
		if after.memory > before[i].memory*1.1 || after.goroutines > before[i].goroutines+10 {
			t.Errorf("%s grows", name)
		}
	}
}
