package chrome

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"
)

// MainJob is alice letting Dreams read her Acme data, with her own hands.
type MainJob struct {
	Auth, Acme, Dreams string // public base URLs
	Script             bool
	Width              int    // of the window
	Shots              string // folder for a picture of each step; empty: none
}

// RevocationTime is how long after a person removed an application it may still
// be let in.
const RevocationTime = 2 * time.Second

// Run does it in a new tab. step is told what was done.
func (j MainJob) Run(t Reporter, b *Browser, step func(string)) {
	t.Helper()
	j.removeEarlier(t, b)
	tab := b.Tab(t)
	defer tab.Close()
	if !j.Script {
		tab.NoScript()
	}
	tab.Size(j.Width, 800)
	steps := 0
	done := func(what string) {
		t.Helper()
		steps++
		j.shoot(t, tab, fmt.Sprintf("%d", steps))
		step(what)
	}

	want(t, tab, 200, tab.Open(j.Dreams+"/"), j.Dreams, "Connect my Acme account")
	done("opened Dreams")

	status := tab.Click(`//main//a[normalize-space()="Connect my Acme account"]`)
	want(t, tab, 200, status, j.Auth, "Sign in to Acme", "will not see your password")
	done("clicked \"Connect my Acme account\"")

	tab.Type("#username", "alice")
	tab.Type("#password", "wanderlust")
	want(t, tab, 200, tab.Click("#sign-in"), j.Auth, "Dreams", "Alice Moreau", strings.TrimPrefix(j.Dreams, "http://"))
	if ticked := Evaluate[[]string](tab, `[...document.querySelectorAll('input[name=scope]:checked:not(:disabled)')].map(b => b.value)`); len(ticked) > 0 {
		t.Fatalf("on the consent page %v is ticked before anybody chose", ticked)
	}
	done("signed in as alice; nothing that is optional is ticked")

	for _, scope := range []string{"preferences:read", "email", "offline_access"} {
		tab.Tick(box(scope))
	}
	count := Evaluate[string](tab, `document.querySelector("[role=status]").textContent`)
	if follows := strings.Contains(count, "3 of "); follows != j.Script {
		t.Fatalf("three boxes are ticked and the page says %q; script runs: %v", count, j.Script)
	}
	done("ticked preferences:read, email and offline_access, and not blog:read")

	want(t, tab, 200, tab.Click("#allow"), j.Dreams+"/offers",
		"offers for you, Alice", "You like hiking", "GET /api/v1/me/preferences", "blog:read not granted")
	done("allowed them, and saw offers with the reasons from her preferences")

	want(t, tab, 200, tab.Open(j.Dreams+"/outbox"), j.Dreams, "alice@acme.test", "Stop these letters")
	done("found the letter in the outbox")

	want(t, tab, 200, tab.Open(j.Auth+"/account/apps"), j.Auth, "dreams-web", "Remove access")
	done("found Dreams in the connected apps")
	want(t, tab, 200, tab.Click(removeButton), j.Auth)
	removed := time.Now()
	done("removed it")

	for tab.Open(j.Dreams + "/offers"); !strings.Contains(tab.Text(), "You stopped sharing"); tab.Open(j.Dreams + "/offers") {
		if time.Since(removed) > RevocationTime {
			t.Fatalf("Dreams still shows offers %v after it was removed: %.600s", RevocationTime, tab.Text())
		}
	}
	done("Dreams says that the connection ended")
	j.scripts(t, tab)
}

const removeButton = `//form[.//input[@value="dreams-web"]]//button[@value="revoke"]`

func box(scope string) string { return fmt.Sprintf("input[name=scope][value=%q]", scope) }

// removeEarlier ends what an earlier run may have left.
func (j MainJob) removeEarlier(t Reporter, b *Browser) {
	t.Helper()
	tab := b.Tab(t)
	defer tab.Close()
	tab.Open(j.Auth + "/login")
	tab.Type("#username", "alice")
	tab.Type("#password", "wanderlust")
	tab.Click("#sign-in")
	tab.Open(j.Auth + "/account/apps")
	if Evaluate[bool](tab, `!!document.querySelector('input[name=client_id][value=dreams-web]')`) {
		tab.Click(removeButton)
	}
}

// want fails unless the tab shows a page with the status, below an address,
// that says every one of the texts.
func want(t Reporter, tab *Tab, wanted, status int, below string, texts ...string) {
	t.Helper()
	if address := tab.Address(); !strings.HasPrefix(address, below) {
		t.Fatalf("the browser is at %s, expected %s: %.600s", address, below, tab.Text())
	}
	content := tab.Text()
	if status != wanted {
		t.Fatalf("%s answered %d, expected %d: %.600s", tab.Address(), status, wanted, content)
	}
	for _, text := range texts {
		if !strings.Contains(content, text) {
			t.Fatalf("%s does not say %q: %.2000s", tab.Address(), text, content)
		}
	}
}

// scripts fails where script ran and was to be off, or the reverse.
func (j MainJob) scripts(t Reporter, tab *Tab) {
	t.Helper()
	requests, _ := tab.Seen()
	fetched := false
	for _, r := range requests {
		fetched = fetched || r.Type == network.ResourceTypeScript
	}
	if fetched != j.Script {
		t.Fatalf("script was fetched: %v; expected: %v", fetched, j.Script)
	}
}

func (j MainJob) shoot(t Reporter, tab *Tab, name string) {
	t.Helper()
	if j.Shots == "" {
		return
	}
	script := "script"
	if !j.Script {
		script = "no-script"
	}
	if err := os.MkdirAll(j.Shots, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(j.Shots, fmt.Sprintf("mainjob-%d-%s-%s.png", j.Width, script, name))
	if err := os.WriteFile(path, tab.Screenshot(), 0o644); err != nil {
		t.Fatal(err)
	}
}
