// Package doctor looks why the three programs do not come together, and says
// what to do about it: ports, names, clocks, who reaches whom, the disk.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/acme-dreams/internal/backchannel"
	"example.com/acme-dreams/internal/environment"
)

// Doctor examines one program and its way to the others.
type Doctor struct {
	Env environment.Environment
	// Name is the program that is examined; empty: the computer, before or while
	// all three run on it.
	Name string
	Now  func() time.Time
	Out  io.Writer

	wrong bool
	runs  bool      // one of the three answers as it should
	free  []program // whose ports nobody has
}

// program is one of the three, as the environment has it.
type program struct {
	name, variable string
	public, back   environment.BaseURL
}

func (d *Doctor) programs() []program {
	return []program{
		{"authserver", "AUTHSERVER", d.Env.AuthserverURL, d.Env.AuthserverBackchannelURL},
		{"acme", "ACME", d.Env.AcmeURL, d.Env.AcmeBackchannelURL},
		{"dreams", "DREAMS", d.Env.DreamsURL, d.Env.DreamsBackchannelURL},
	}
}

const (
	// patience is how long an answer may take.
	patience = 3 * time.Second
	// drift is how far clocks may be apart. A proof of possession is refused
	// beyond ten seconds.
	drift = 5 * time.Second
	// room is what should be free on the disk.
	room = 200 << 20
)

// Examine tells what it finds, a line each, and whether all is well.
func (d *Doctor) Examine(ctx context.Context) bool {
	for _, p := range d.programs() {
		d.name(ctx, p)
		switch {
		case p.name == d.Name:
			d.own(ctx, p)
		case d.Name == "":
			d.port(ctx, p)
		default:
			d.other(ctx, p)
		}
	}
	d.idle()
	d.disk()
	d.secrets()
	d.proxies()
	d.connects(ctx, "OTEL_EXPORTER_OTLP_ENDPOINT", string(d.Env.TraceEndpoint), collector(d.Env.TraceEndpoint), "start the collector, or unset the variable")
	d.connects(ctx, "SMTP_URL", string(d.Env.SMTPURL), string(d.Env.SMTPURL), "start the mail server, or unset the variable: letters stay in the outbox")
	return !d.wrong
}

func (d *Doctor) ok(who, what string, args ...any)   { d.say("ok", who, what, "", args...) }
func (d *Doctor) note(who, what string, args ...any) { d.say("note", who, what, "", args...) }

// bad is something wrong, with what to do about it.
func (d *Doctor) bad(who, what, todo string, args ...any) {
	d.wrong = true
	d.say("WRONG", who, what, todo, args...)
}

func (d *Doctor) say(verdict, who, what, todo string, args ...any) {
	fmt.Fprintf(d.Out, "%-6s %-11s %s\n", verdict, who, strings.ReplaceAll(fmt.Sprintf(what, args...), "\n", "; "))
	if todo != "" {
		fmt.Fprintf(d.Out, "%18s -> %s\n", "", todo)
	}
}

// name resolves the host of a public URL, as a browser here would.
func (d *Doctor) name(ctx context.Context, p program) {
	host, _, _ := net.SplitHostPort(p.public.Address())
	if environment.LoopbackHost(host) || net.ParseIP(host) != nil {
		return // nobody has to be asked
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	switch {
	case err == nil:
		d.ok(p.name, "%s is %s", host, strings.Join(addresses, ", "))
	case p.back != "":
		d.note(p.name, "%s does not resolve here; %s_BACKCHANNEL_URL is used instead", host, p.variable)
	default:
		d.bad(p.name, "%s does not resolve: %v", "correct "+p.variable+"_URL, or the name in DNS or /etc/hosts; where only browsers know the name, set "+p.variable+"_BACKCHANNEL_URL", host, err)
	}
}

// own examines the program that was asked to: whether it runs where it should.
func (d *Doctor) own(ctx context.Context, p program) {
	address := environment.Loopback(p.public.Address())
	if d.Env.ListenAddr != "" {
		address = string(d.Env.ListenAddr)
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	a, err := d.ask(ctx, &http.Client{Timeout: patience}, "http://"+address)
	d.judge(p, a, err, "at "+address, "it does not run, or listens elsewhere: start it, or look at LISTEN_ADDR and "+p.variable+"_URL")
}

// port examines an address of this computer: free, ours, or somebody else's.
func (d *Doctor) port(ctx context.Context, p program) {
	a, err := d.ask(ctx, backchannel.Client(d.Env, patience), p.public.String())
	if errors.Is(err, syscall.ECONNREFUSED) && p.public.Loopback() {
		listener, listening := net.Listen("tcp", environment.Loopback(p.public.Address()))
		if listening != nil {
			d.bad(p.name, "nobody answers at %s, and nobody can listen there: %v", "choose another port: "+p.variable+"_URL=http://localhost:PORT make run", p.public, listening)
			return
		}
		_ = listener.Close()
		d.free = append(d.free, p)
		return
	}
	d.judge(p, a, err, "at "+p.public.String(), "start it, or correct "+p.variable+"_URL; if something else is there, stop that or choose another port: "+p.variable+"_URL=http://localhost:PORT")
}

// idle judges free ports: before a start they should be, but not beside programs
// that run.
func (d *Doctor) idle() {
	for _, p := range d.free {
		if d.runs {
			d.bad(p.name, "does not run: nobody is at %s, and others of the three are there", "look at the end of its log and start it again: docker compose up -d "+p.name+", or make run once the others are stopped", p.public)
			continue
		}
		d.ok(p.name, "the port of %s is free: make run starts it", p.public)
	}
}

// other examines the way to another program, on the back channel and, where that
// is another way, by its public URL.
func (d *Doctor) other(ctx context.Context, p program) {
	way, todo := "at "+p.public.String(), "set "+p.variable+"_BACKCHANNEL_URL to how it is reached from here"
	if p.back != "" {
		way += " by " + p.back.String()
		todo = "correct " + p.variable + "_BACKCHANNEL_URL"
	}
	a, err := d.ask(ctx, backchannel.Client(d.Env, patience), p.public.String())
	d.judge(p, a, err, way, "start "+p.name+"; if it runs, "+todo)
	if p.back == "" || err != nil {
		return
	}
	direct := d.Env
	direct.AuthserverBackchannelURL, direct.AcmeBackchannelURL, direct.DreamsBackchannelURL = "", "", ""
	if _, err := d.ask(ctx, backchannel.Client(direct, patience), p.public.String()); err != nil {
		d.note(p.name, "%s itself is not reached from here; only browsers have to", p.public)
	}
}

// answer is what a program said about itself.
type answer struct {
	ready  bool
	behind time.Duration
}

// identity is where each program says who it is, and in which member.
var identity = map[string]struct{ path, member string }{
	"authserver": {"/.well-known/oauth-authorization-server", "issuer"},
	"acme":       {"/.well-known/oauth-protected-resource", "resource"},
}

var errStranger = errors.New("none of the three programs")

func (d *Doctor) ask(ctx context.Context, client *http.Client, address string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return answer{}, err
	}
	before := d.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 100))
	if err != nil {
		return answer{}, err
	}
	a := answer{ready: resp.StatusCode == http.StatusOK}
	if (a.ready && string(body) != "ok\n") || (!a.ready && resp.StatusCode != http.StatusServiceUnavailable) {
		return a, errStranger
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		middle := before.Add(d.Now().Sub(before) / 2).Truncate(time.Second)
		a.behind = middle.Sub(date)
	}
	return a, nil
}

// judge says what an answer means, or its absence.
func (d *Doctor) judge(p program, a answer, err error, way, todo string) {
	d.runs = d.runs || err == nil
	switch {
	case errors.Is(err, errStranger):
		d.bad(p.name, "something else answers %s: it is none of the three programs", "stop what is there, or correct "+p.variable+"_URL: another port, say", way)
		return
	case err != nil:
		d.bad(p.name, "does not answer %s: %v", todo, way, reason(err))
		return
	case !a.ready:
		d.bad(p.name, "answers %s and is not ready", "its database does not answer: look at its log, its disk and DATA_DIR", way)
		return
	case a.behind > drift:
		d.bad(p.name, "its clock is %s behind ours", clocks, a.behind)
		return
	case -a.behind > drift:
		d.bad(p.name, "its clock is %s ahead of ours", clocks, -a.behind)
		return
	}
	d.ok(p.name, "answers %s and is ready", way)
	d.identify(p)
}

const clocks = "let NTP set both clocks (timedatectl; a virtual machine that slept: restart Docker): tokens and proofs are refused that are not yet valid, or no more"

func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}

// identify wants a program to call itself what the others call it.
func (d *Doctor) identify(p program) {
	is, found := identity[p.name]
	if !found || p.name == d.Name {
		return // its own variable is what it goes by
	}
	resp, err := backchannel.Client(d.Env, patience).Get(p.public.String() + is.path)
	if err != nil {
		return // it answered a moment ago
	}
	defer resp.Body.Close()
	var document map[string]any
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&document)
	switch name, _ := document[is.member].(string); name {
	case p.public.String():
	case "":
		d.bad(p.name, "what answers is not %s: it has no %s", "correct "+p.variable+"_BACKCHANNEL_URL or "+p.variable+"_URL: the way leads to another program", p.name, is.member)
	default:
		d.bad(p.name, "it calls itself %q, and is %q here", "give "+p.variable+"_URL the same value for all three programs, byte for byte: it is the "+is.member+" in every token", name, p.public)
	}
}

// disk examines DATA_DIR.
func (d *Doctor) disk() {
	dir := d.Env.DataDir
	if _, err := os.Stat(dir); os.IsNotExist(err) && d.Name == "" {
		d.ok("data", "%s is not there yet: the first start makes it", dir)
		return
	}
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.bad("data", "%s takes no files: %v", "correct DATA_DIR, or give the folder to the user who runs the program", dir, err)
		return
	}
	_ = file.Close()
	_ = os.Remove(file.Name())
	switch free, known := freeSpace(dir); {
	case !known:
		d.ok("data", "%s takes files", dir)
	case free < room:
		d.bad("data", "%s has %d MB left", "make room: a full disk is answered with 503 until there is some", dir, free>>20)
	default:
		d.ok("data", "%s takes files and has %d MB left", dir, free>>20)
	}
}

// secrets examines what everybody knows, and what somebody should not read.
func (d *Doctor) secrets() {
	public := !d.Env.AuthserverURL.Loopback()
	switch {
	case public && bool(d.Env.AllowDemoSecrets):
		d.bad("secrets", "ALLOW_DEMO_SECRETS=on and others reach %s: the people's passwords and the applications' secrets are in the repository",
			"keep this to a classroom's network, or begin with a database of your own", d.Env.AuthserverURL)
	case !public:
		d.note("secrets", "the demonstration's passwords and secrets are in use; only this computer reaches %s", d.Env.AuthserverURL)
	}
	if public && !d.Env.AuthserverURL.Secure() {
		d.bad("secrets", "%s is plain HTTP: everybody on the way reads passwords and tokens", "put a proxy that speaks TLS in front, and AUTHSERVER_URL=https://…", d.Env.AuthserverURL)
	}
	if d.Name != "" && d.Name != "authserver" {
		return
	}
	if d.Env.KeyEncryptionKey == "" {
		d.note("keys", "KEY_ENCRYPTION_KEY is not set: signing keys lie in authserver.db, and in its backups, as they are (openssl rand -base64 32 makes one)")
	} else {
		d.ok("keys", "KEY_ENCRYPTION_KEY is set: keep it where no backup of the database is")
	}
}

func (d *Doctor) proxies() {
	if d.Env.AuthserverURL.Secure() && d.Env.TrustedProxies == "" {
		d.note("proxy", "TRUSTED_PROXIES is not set: behind a proxy everybody has its address, and fifty wrong passwords close the door for all")
	}
}

func collector(c environment.Collector) string {
	base, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(string(c), "https://"), "http://"), "/")
	if base == "" {
		return ""
	}
	scheme, _, _ := strings.Cut(string(c), "://")
	return environment.BaseURL(scheme + "://" + base).Address()
}

// connects wants somebody to listen at an address that a variable names.
func (d *Doctor) connects(ctx context.Context, variable, value, address, todo string) {
	if address == "" {
		return
	}
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", environment.Loopback(address))
	if err != nil {
		d.bad("network", "nobody answers at %s=%s: %v", todo, variable, value, err)
		return
	}
	_ = conn.Close()
	d.ok("network", "%s=%s takes connections", variable, value)
}
