package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// newDeveloper is somebody who has never been here, at a browser and at a terminal. What
// they do is counted, and what it takes a person is estimated by the keystroke-level
// model (Card, Moran, Newell 1980): to point and click 1.3 s, a key 0.28 s, to
// prepare a step 1.35 s. To read each page they take twelve seconds more.
type newDeveloper struct {
	t     *testing.T
	tab   *chrome.Tab
	steps int
	takes time.Duration
}

const (
	preparing = 1350 * time.Millisecond
	pointing  = 1300 * time.Millisecond
	typing    = 280 * time.Millisecond
	reading   = 12 * time.Second
)

func (n *newDeveloper) step(takes time.Duration) {
	n.steps++
	n.takes += preparing + takes
}

func (n *newDeveloper) open(address string) {
	n.step(time.Duration(len(address)) * typing)
	n.tab.Open(address)
	n.takes += reading
}

func (n *newDeveloper) click(element string, want int) {
	n.t.Helper()
	n.step(pointing)
	if status := n.tab.Click(element); status != want {
		n.t.Fatalf("clicking %s: %d at %s\n%s", element, status, n.tab.Address(), n.tab.Text())
	}
	n.takes += reading
}

func (n *newDeveloper) choose(element string) {
	n.step(pointing)
	n.tab.Tick(element)
}

func (n *newDeveloper) fill(field, text string) {
	n.step(pointing + time.Duration(len(text))*typing)
	n.tab.Type(field, text)
}

// copied is what the button beside an element copies.
func (n *newDeveloper) copied(element string) string {
	n.step(pointing)
	return chrome.Evaluate[string](n.tab, `document.querySelector('`+element+`').textContent.trim()`)
}

// Somebody without an account has the first answer of the API within five minutes:
// by few steps, as a person does them, and with the curl program as it was copied.
func TestANewDeveloperHasAnAnswerWithinFiveMinutes(t *testing.T) {
	browser := realBrowser(t)
	w := New(t, Options{})
	n := &newDeveloper{t: t, tab: browser.Tab(t)}
	defer n.tab.Close()
	began := time.Now()

	n.open(w.Auth + "/developer")
	n.click(`//a[contains(@href, "/signup")]`, 200)
	n.fill("#name", "Nadia Newcomer")
	n.fill("#username", "nadia")
	n.fill("#email", "nadia@example.test")
	n.fill("#password", "a walk in the hills")
	n.click("#sign-up", 200)
	if at := n.tab.Address(); !strings.HasPrefix(at, w.Auth+"/developer") || !strings.Contains(n.tab.Text(), "Five minutes to your first answer") {
		t.Fatalf("signing up leads to %s", at)
	}
	n.click(`//a[.="Register an application"]`, 200)
	n.choose("#kind-machine")
	n.fill("#name", "Night job")
	n.click(`//button[.="Register"]`, 201)

	environment := n.copied(`code[data-copy="command"]`)
	program := n.copied("#snippet-curl")
	file := filepath.Join(t.TempDir(), "first.sh")
	n.step(typing * 20) // into an editor, and saved as first.sh
	if err := os.WriteFile(file, []byte(program+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.step(typing * 4) // paste, Enter
	n.step(typing * time.Duration(len("bash first.sh\n")))
	out, err := exec.CommandContext(t.Context(), "bash", "-c", environment+"\nbash "+file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"packages"`) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d steps, some %s by a person; %s here", n.steps, n.takes.Round(time.Second), time.Since(began).Round(time.Millisecond))
	if n.steps > 20 || n.takes > 5*time.Minute {
		t.Errorf("the first answer takes %d steps and %s", n.steps, n.takes)
	}

	// Or with nothing installed: the answer is one click further.
	tabs := n.steps
	n.click(`//a[.="See it in the API console"]`, 200)
	n.click(`//button[.="Send"]`, 200)
	if text := n.tab.Text(); !strings.Contains(text, "200 OK") || !strings.Contains(text, `"packages"`) || n.steps-tabs != 2 {
		t.Errorf("the console after %d clicks: %.500s", n.steps-tabs, text)
	}
}
