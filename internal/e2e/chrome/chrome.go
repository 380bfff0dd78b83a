// Package chrome drives a real browser: finding it, starting it without a
// window, clicking and typing in its tabs, and writing down what they asked the
// network for and what their console said.
package chrome

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Variable names the browser to use, by name or path, or "none".
const Variable = "E2E_BROWSER"

// ErrNone is Find's answer where somebody has said in words that there is to be
// no browser.
var ErrNone = errors.New("no browser: " + Variable + " is none")

var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Find returns the path of the browser. It is an error that there is none:
// whoever wants to do without says so.
func Find() (string, error) {
	asked := os.Getenv(Variable)
	if asked == "none" || asked == "" && os.Getenv("BROWSER") == "none" {
		return "", ErrNone
	}
	if asked != "" {
		path, err := exec.LookPath(asked)
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w", Variable, asked, err)
		}
		return path, nil
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %s is on PATH; %s=none does without", strings.Join(names, ", "), Variable)
}

// Reporter is told when something cannot go on. A *testing.T is one.
type Reporter interface {
	Helper()
	Fatal(args ...any) // does not return
	Fatalf(format string, args ...any)
}

// Browser is a running browser.
type Browser struct {
	ctx  context.Context
	stop []func()
}

// Start starts the browser at path.
func Start(path string) (*Browser, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		// What a page asks another host for is seen and not sent.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // the sandbox refuses to run as root
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	b := &Browser{ctx: ctx, stop: []func(){stop, stopAllocator}}
	if err := chromedp.Do(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return b, nil
}

// Close ends the browser and waits until it is gone.
func (b *Browser) Close() {
	for _, stop := range b.stop {
		stop()
	}
}

// Request is something that a page asked for.
type Request struct {
	Page string // the document's address
	URL  string
	Type network.ResourceType
}

// timeout is how long one action may take on a machine that has other things to
// do.
const timeout = 60 * time.Second

// Tab is a tab with cookies of its own.
type Tab struct {
	t    Reporter
	ctx  context.Context
	stop context.CancelFunc

	mu       sync.Mutex
	requests []Request
	console  []string
}

// Tab opens a tab that shares nothing with the others.
func (b *Browser) Tab(t Reporter) *Tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(func(*target.CreateBrowserContextParams) {}))
	tab := &Tab{t: t, ctx: ctx, stop: stop}
	if err := chromedp.Listen(ctx, tab.note); err != nil {
		stop()
		t.Fatalf("opening a tab: %v", err)
	}
	return tab
}

// Close closes the tab and forgets its cookies.
func (t *Tab) Close() { t.stop() }

// note writes down what matters of an event.
func (t *Tab) note(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, Request{e.DocumentURL, e.Request.URL, e.Type})
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			t.console = append(t.console, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			t.console = append(t.console, fmt.Sprintf("console.%s", e.Type))
		}
	case *runtime.EventExceptionThrown:
		t.console = append(t.console, fmt.Sprintf("exception: %s", e.ExceptionDetails.Text))
	}
}

// Seen returns what pages asked for and what the console said since the last
// call.
func (t *Tab) Seen() (requests []Request, console []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	requests, console = t.requests, t.console
	t.requests, t.console = nil, nil
	return requests, console
}

// Do runs actions of chromedp, for what the methods below have no name for.
func (t *Tab) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.t.Fatalf("%s at %s: %v", what, t.Address(), err)
	}
}

// Open opens an address and returns the status of the page that it led to.
func (t *Tab) Open(address string) int {
	t.t.Helper()
	return t.load("opening "+address, chromedp.Navigate(address))
}

// Click clicks what leads to another page, and returns that page's status. The
// element is named by a CSS selector, or by an XPath that begins with //.
func (t *Tab) Click(element string) int {
	t.t.Helper()
	return t.load("clicking "+element, click(element))
}

func click(element string) chromedp.Action[chromedp.Void] {
	if strings.HasPrefix(element, "//") {
		return chromedp.Click(chromedp.Search(element), chromedp.NodeVisible)
	}
	return chromedp.Click(chromedp.CSS(element), chromedp.NodeVisible)
}

// Tick clicks a tick box or a radio button.
func (t *Tab) Tick(element string) {
	t.t.Helper()
	t.Do("ticking "+element, click(element))
}

// Type replaces what stands in a field.
func (t *Tab) Type(field, value string) {
	t.t.Helper()
	t.Do("typing into "+field,
		chromedp.Clear(chromedp.CSS(field)), chromedp.SendKeys(chromedp.CSS(field), value))
}

// Keys presses keys where the focus is.
func (t *Tab) Keys(keys string) {
	t.t.Helper()
	t.Do("pressing a key", chromedp.KeyEvent(keys))
}

// KeysToPage presses keys that lead to another page, and returns its status.
func (t *Tab) KeysToPage(keys string) int {
	t.t.Helper()
	return t.load("pressing a key", chromedp.KeyEvent(keys))
}

func (t *Tab) load(what string, action chromedp.Action[chromedp.Void]) int {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, action)
	if err != nil {
		t.t.Fatalf("%s: %v", what, err)
	}
	if response == nil {
		return 0
	}
	return int(response.Status)
}

// Address is where the tab is.
func (t *Tab) Address() string {
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "an unknown address"
	}
	return address
}

// Text is what a person can read on the page.
func (t *Tab) Text() string {
	t.t.Helper()
	return strings.Join(strings.Fields(Evaluate[string](t, "document.body.innerText")), " ")
}

// Evaluate runs an expression in the page, and waits where it is a promise.
func Evaluate[T any](t *Tab, expression string) T {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.t.Fatalf("%.80s at %s: %v", expression, t.Address(), err)
	}
	return value
}

// Size is the window's, in CSS pixels.
func (t *Tab) Size(width, height int) {
	t.t.Helper()
	t.Do("resizing", chromedp.EmulateViewport(int64(width), int64(height)))
	for begin := time.Now(); Evaluate[int](t, "innerWidth") != width; time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > timeout {
			t.t.Fatalf("the window is not %d pixels wide", width)
		}
	}
}

// NoScript switches script off, as a person can.
func (t *Tab) NoScript() {
	t.t.Helper()
	call(t, "switching script off", emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Still asks pages not to move: prefers-reduced-motion.
func (t *Tab) Still() {
	t.t.Helper()
	call(t, "stilling motion", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// Cookie sets a cookie for one host, all ports: that is how cookies are.
func (t *Tab) Cookie(address, name, value string) {
	t.t.Helper()
	call(t, "setting a cookie", network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address})
}

func call[P, R any](t *Tab, what string, command cdp.Command[P, R], params P) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.t.Fatalf("%s: %v", what, err)
	}
}

// Screenshot is the whole page as a PNG.
func (t *Tab) Screenshot() []byte {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.t.Fatalf("taking a screenshot of %s: %v", t.Address(), err)
	}
	return png
}

// Origin is the scheme, host and port of an address; of data: and the like it is
// empty.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
