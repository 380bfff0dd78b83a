package e2e

import (
	"cmp"
	"encoding/json"
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

// What takes long: make soak. SOAK_MINUTES says how long, about: at thirty and more
// there are a hundred kills, and memory takes some minutes to settle at the least.
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
	t.Run("an unknown client takes as long as a wrong secret", func(t *testing.T) { unknownClientTakesAsLong(t, newProcesses(t, bin)) })
	t.Run("an unknown name takes as long as a wrong password", unknownNameTakesAsLong)
	t.Run("memory and goroutines stay where they are", func(t *testing.T) { staysWhereItIs(t, newProcesses(t, bin), span/2) })
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

// Whatever was answered before a kill is so after it. Acme is killed as well, every
// second time.
func killedUnderWriters(t *testing.T, p *processes, cycles int) {
	const witnesses, registrars = 45, 3 // and two who decide
	authserver, acme := p.start(t, "authserver"), p.start(t, "acme")
	p.waitForAcme(t)
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile offline_access"), "offline_access")
	cookie := http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}}
	people := map[string]*Browser{"bob": p.SignedIn(t, "bob"), "carol": p.SignedIn(t, "carol")}
	var slowest time.Duration
	var redeemed, refreshed, revoked, registered, decided, unanswered, lost int
	begin := time.Now()
	for cycle := range cycles {
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
		if cycle%2 == 1 {
			acme.kill()
		}
		authserver.kill()
		working.Wait()
		if got := p.value(t, "authserver", "PRAGMA integrity_check"); got != "ok" {
			t.Fatalf("integrity_check: %s", got)
		}
		starting := time.Now()
		authserver = p.start(t, "authserver")
		slowest = max(slowest, time.Since(starting))
		if cycle%2 == 1 {
			starting = time.Now()
			acme = p.start(t, "acme")
			slowest = max(slowest, time.Since(starting))
		}
		p.refusedAtAcme(t, all)
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
			if v.sent != "" {
				unanswered++
			}
			if v.lost {
				lost++
			}
		}
		if t.Failed() {
			return
		}
	}
	if slowest > 2*time.Second {
		t.Errorf("a start took %s", slowest)
	}
	t.Logf("%d kills of authserver, %d of Acme, in %s; checked after them: %d codes redeemed, %d whose redemption was not answered (%d spent nevertheless), %d refresh tokens rotated, %d grants revoked, %d clients registered, %d consents; slowest start %s",
		cycles, cycles/2, time.Since(begin).Round(time.Second), redeemed, unanswered, lost, refreshed, revoked, registered, decided, slowest.Round(time.Millisecond))
}

// refusedAtAcme wants Acme to refuse what was revoked before a kill, within the two
// seconds that it has.
func (p *processes) refusedAtAcme(t *testing.T, all []*witness) {
	t.Helper()
	until := time.Now().Add(within)
	for _, v := range all {
		for _, tokens := range v.revoked {
			for p.API(t, "GET", "/me", tokens.String("access_token"), "").Refusal() != "401 invalid_token" {
				if time.Now().After(until) {
					t.Fatalf("Acme takes what was revoked before the kill, %s after it", within)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

// What is stated: visits of eleven requests, and the time within which ninety-nine of
// a hundred are answered.
const (
	ratePerSecond       = 25
	statedP99           = 50 * time.Millisecond
	statedP99Restarting = 250 * time.Millisecond
)

// A restart is a connection that is refused or closed before an answer begins, or
// a 503, and no other failure.
func restartedUnderLoad(t *testing.T, p *processes, span time.Duration) {
	running := map[string]*process{}
	for _, name := range []string{"authserver", "acme", "dreams"} {
		running[name] = p.start(t, name)
	}
	p.waitForAcme(t)
	f := newTraffic(t, p)
	f.at(ratePerSecond, 2*time.Second)
	var result lap
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		result = f.at(ratePerSecond, max(span, 10*time.Second))
	}()
	restarts := 0
	for restarting := true; restarting; {
		for _, name := range []string{"authserver", "acme", "dreams"} {
			select {
			case <-ending:
				restarting = false
			case <-time.After(time.Second):
				if status := running[name].stop(t, syscall.SIGTERM); status != 0 {
					t.Errorf("%s: exit status %d: %s", name, status, running[name].out.Bytes())
				}
				running[name] = p.start(t, name)
				restarts++
			}
		}
	}
	t.Logf("%d restarts under %d requests a second: %s", restarts, ratePerSecond*each, result)
	result.within(t, statedP99Restarting)
}

// Who is refused must not learn by the clock which of the two was wrong.
func unknownClientTakesAsLong(t *testing.T, p *processes) {
	p.start(t, "authserver")
	one := func(header http.Header) func() {
		return func() {
			answer, err := p.attempt("POST", p.Auth+"/token", header, url.Values{"grant_type": {"client_credentials"}})
			if err != nil || answer.Refusal() != "401 invalid_client" {
				t.Fatalf("%v %s", err, answer.Refusal())
			}
		}
	}
	takesAsLong(t, 2000, one(Credentials{"dreams-catalogux", "a-wrong-secret"}.Header()), one(Credentials{"dreams-catalogue", "a-wrong-secret"}.Header()))
}

// The same for people. Their clock goes on between the guesses: ten wrong ones in
// five minutes are all that anybody has.
func unknownNameTakesAsLong(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	guesses := 0
	one := func(username string) func() {
		return func() {
			if guesses++; guesses%8 == 0 {
				w.Clock.Advance(6 * time.Minute)
			}
			answer := w.Token(t, nil, url.Values{"grant_type": {"password"}, "client_id": {"acme-mobile"}, "username": {username}, "password": {"wrong"}, "scope": {"profile"}})
			if answer.Refusal() != "400 invalid_grant" {
				t.Fatal(answer.Refusal())
			}
		}
	}
	takesAsLong(t, 200, one("ecila"), one("alice"))
}

// takesAsLong compares how long two things take, done in turns, three times.
func takesAsLong(t *testing.T, samples int, first, second func()) {
	t.Helper()
	timed := func(do func()) float64 {
		begin := time.Now()
		do()
		return float64(time.Since(begin).Nanoseconds())
	}
	for range samples / 4 { // warm
		first()
		second()
	}
	const runs = 3
	sum, differences := 0.0, []float64{}
	for run := range runs {
		var a, b []float64
		for i := range samples {
			if i%2 == 0 {
				a, b = append(a, timed(first)), append(b, timed(second))
			} else {
				b, a = append(b, timed(second)), append(a, timed(first))
			}
		}
		difference, z := median(a)/median(b)-1, mannWhitney(a, b)
		sum, differences = sum+z, append(differences, difference)
		t.Logf("run %d: medians of %d: %.1f and %.1f µs (%+.2f %%), Mann-Whitney p = %.3f", run+1, samples, median(a)/1000, median(b)/1000, difference*100, probability(z))
	}
	// The runs together: what is there goes the same way in each of them, and what
	// is chance does not (Stouffer's method).
	p := probability(sum / math.Sqrt(runs))
	t.Logf("over all runs %+.2f %%, p = %.3f", median(differences)*100, p)
	if math.Abs(median(differences)) > 0.05 || p < 0.01 {
		t.Error("the clock tells one from the other")
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// probability is that of a standard normal deviate as far from zero, or further.
func probability(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// mannWhitney is how far two samples are from being of one population, in standard
// deviations: the U test in its normal approximation.
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
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}

// What a server keeps in memory does not grow with what it has answered.
func staysWhereItIs(t *testing.T, p *processes, span time.Duration) {
	programs := map[string]string{"authserver": p.Auth, "acme": p.Acme, "dreams": p.Dreams}
	for name := range programs {
		p.start(t, name)
	}
	p.waitForAcme(t)
	f := newTraffic(t, p)
	// Caches fill: Acme's of verified signatures has 4,096 entries. And garbage is
	// collected when there is four times as much as what lives (GOGC=400), every
	// twenty seconds or so: how much the heap occupies at the most is settled after
	// about ten of these. A leak does not settle.
	const collections, visits = 10, 10_000
	settled := func() bool {
		for _, address := range programs {
			if p.metric(t, address, "go_gc_duration_seconds_count") < collections {
				return false
			}
		}
		return f.exchanges.Load() >= visits
	}
	warming := time.Now()
	for !settled() && !t.Failed() {
		l := f.flatOut(10, 10*time.Second)
		l.within(t, time.Minute)
	}
	t.Logf("warm after %s and %d visits", time.Since(warming).Round(time.Second), f.visits.Load())

	const around = 30 * time.Second // ten visitors, before and after: as many at the same time
	before := p.footprints(t, programs, func() { f.flatOut(10, around) })
	visited := f.visits.Load()
	l := f.at(ratePerSecond, max(span, 30*time.Second))
	after := p.footprints(t, programs, func() { f.flatOut(10, around) })
	t.Logf("%d requests a second: %s", ratePerSecond*each, l)
	l.within(t, statedP99)
	if l.ends["503"]+l.ends["refused"]+l.ends["closed"] > 0 {
		t.Errorf("not answered: %v", l.ends)
	}
	for name := range programs {
		was, is := before[name], after[name]
		t.Logf("%s: %.1f -> %.1f MB resident (%+.1f %%), %.1f -> %.1f MB in use after a collection, %g -> %g goroutines, in %d visits",
			name, was.resident, is.resident, 100*(is.resident/was.resident-1), was.live, is.live, was.goroutines, is.goroutines, f.visits.Load()-visited)
		// The heap has room for several times what lives in it, and a limit
		// (GOMEMLIMIT): a leak shows in what is resident when it is large. In what is
		// in use it shows at once.
		if is.resident > was.resident*1.1 || is.live > was.live+1 || is.goroutines > was.goroutines+10 {
			t.Errorf("%s grows", name)
		}
	}
}

// footprint is how much of a computer a program takes: memory in megabytes.
type footprint struct{ resident, live, goroutines float64 }

// footprints are the most that is resident of each program while something is
// done, the least that is in use, and its goroutines when it is over.
func (p *processes) footprints(t *testing.T, programs map[string]string, do func()) map[string]footprint {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	all := map[string]footprint{}
	look := func() {
		for name, address := range programs {
			now := footprint{
				resident: p.metric(t, address, "process_resident_memory_bytes") / (1 << 20),
				live:     p.metric(t, address, "go_gc_heap_live_bytes") / (1 << 20),
			}
			if was, looked := all[name]; looked {
				now.resident, now.live = max(was.resident, now.resident), min(was.live, now.live)
			}
			all[name] = now
		}
	}
	for working := true; working; {
		look()
		select {
		case <-done:
			working = false
		case <-time.After(time.Second):
		}
	}
	p.Client.CloseIdleConnections()
	time.Sleep(time.Second)
	for name, address := range programs {
		now := all[name]
		now.goroutines = p.metric(t, address, "go_goroutines")
		all[name] = now
	}
	return all
}
