package offers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func envelope(m Material) Envelope {
	return Envelope{
		ID: "l_4Zk9", Name: m.Name, Email: m.Email, Granted: m.Granted, Date: now, MeReadAt: readAt,
		ConnectedAt: readAt.AddDate(0, -4, 0),
		OffersURL:   "http://localhost:9002/offers",
		ConnectURL:  "http://localhost:9002/connect?prompt=consent",
		Unsubscribe: "http://localhost:9002/unsubscribe/s_8Qw",
	}
}

func letterTo(t *testing.T, m Material) Letter {
	t.Helper()
	l, err := Write(Make(m, now), envelope(m))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// parse reads the message as a mail program would: its header and its parts by
// media type.
func parse(t *testing.T, source []byte) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	parts := map[string]string{}
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

func TestNoLetterWithoutTheScopeEmail(t *testing.T) {
	m := material(t, "alice", "openid", "profile", "preferences:read", "blog:read")
	e := envelope(m)
	e.Email = "alice@acme.test" // somebody may know it all the same
	if l, err := Write(Make(m, now), e); !errors.Is(err, ErrNoEmail) || l.Source != nil {
		t.Errorf("letter %q, error %v", l.Source, err)
	}
}

func TestNoLetterWithoutAnAddress(t *testing.T) {
	e := envelope(material(t, "alice", everything...))
	e.Email = ""
	if _, err := Write(Offers{}, e); !errors.Is(err, ErrNoEmail) {
		t.Errorf("error %v", err)
	}
}

func TestTheHeaderOfALetter(t *testing.T) {
	header, _ := parse(t, letterTo(t, material(t, "alice", everything...)).Source)
	for name, want := range map[string]string{
		"From":                  `"Dreams" <letters@dreams.test>`,
		"To":                    `"Alice Moreau" <alice@acme.test>`,
		"Subject":               "Rondane, hut to hut: 6 nights for €690",
		"Date":                  "Mon, 14 Sep 2026 14:03:00 +0000",
		"Message-Id":            "<l_4Zk9@dreams.test>",
		"List-Unsubscribe":      "<http://localhost:9002/unsubscribe/s_8Qw>", // RFC 2369 §3.2
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",                // RFC 8058 §3.1
		"Mime-Version":          "1.0",
	} {
		got, err := new(mime.WordDecoder).DecodeHeader(header.Get(name))
		if err != nil || got != want || len(header[name]) != 1 {
			t.Errorf("%s: %q (%d times, %v), want %q", name, got, len(header[name]), err, want)
		}
	}
}

func TestALetterSaysWhatTheOffersSayInTextAndHTML(t *testing.T) {
	l := letterTo(t, material(t, "alice", everything...))
	_, parts := parse(t, l.Source)
	if parts["text/plain"] != l.Text || parts["text/html"] != l.HTML {
		t.Errorf("the message has other parts than the letter: %q", parts)
	}
	for _, want := range []string{"Dear Alice,", "Rondane, hut to hut", "6 nights, €690.", "Stop these letters", "connected your Acme account on 14 May 2026"} {
		if !strings.Contains(l.Text, want) || !strings.Contains(l.HTML, want) {
			t.Errorf("one of the parts lacks %q", want)
		}
	}
	for _, offer := range l.Offers.Best {
		for _, r := range offer.Reasons {
			if !strings.Contains(l.Text, r.Text.String()+" ("+r.Scope+")") {
				t.Errorf("the text lacks %q", r.Text)
			}
		}
	}
	if want := "You travel <b>with a friend</b>, and it is made for that. <small>(preferences:read)</small>"; !strings.Contains(l.HTML, want) {
		t.Errorf("the HTML lacks %q:\n%s", want, l.HTML)
	}
}

func TestALetterLoadsNothingFromAnywhere(t *testing.T) {
	html := letterTo(t, material(t, "alice", everything...)).HTML
	for _, loads := range []string{"<img", "src=", "url(", "<link", "<style", "style=", "<script", "<iframe"} {
		if strings.Contains(html, loads) {
			t.Errorf("the HTML has %q", loads)
		}
	}
}

func TestALetterNamesThePermissionThatWouldBetterIt(t *testing.T) {
	l := letterTo(t, material(t, "alice", "openid", "profile", "email", "preferences:read"))
	want := "We did not use your posts. You did not share them. With them we would look for the places and things that you write about."
	if !strings.Contains(l.Text, want+" (blog:read)") || !strings.Contains(l.HTML, want+" <small>(blog:read)</small>") {
		t.Errorf("missing %q in\n%s", want, l.Text)
	}
}

func TestALetterWithoutANameGreetsAllTheSame(t *testing.T) {
	m := material(t, "alice", "openid", "email")
	l := letterTo(t, m)
	header, _ := parse(t, l.Source)
	if l.Greeting != "Hello" || header.Get("To") != "<alice@acme.test>" {
		t.Errorf("greeting %q, to %q", l.Greeting, header.Get("To"))
	}
	if !strings.Contains(l.Opening, "the same for everybody") {
		t.Errorf("impersonal offers open with %q", l.Opening)
	}
}

func TestWhyTellsWhichWordsComeFromWhichRecord(t *testing.T) {
	l := letterTo(t, material(t, "alice", everything...))
	byScope := map[string]Fact{}
	for _, f := range l.Why {
		byScope[f.Scope] = f
		for _, words := range f.Words {
			if words != l.Email && !strings.Contains(l.Text, words) {
				t.Errorf("%q is explained and not in the letter", words)
			}
		}
	}
	for scope, want := range map[string]string{
		ScopeEmail: "alice@acme.test", ScopeProfile: "Dear Alice", ScopePreferences: "€110 below",
		ScopePosts: "“The pass I did not cross”", ScopePackages: "4.7 of 5",
	} {
		if f := byScope[scope]; !slices.Contains(f.Words, want) || f.At.IsZero() || f.Record == "" {
			t.Errorf("%s explains %q from %q at %s; want %q among it", scope, f.Words, f.Record, f.At, want)
		}
	}
}

func TestTheSameLetterIsTheSameBytes(t *testing.T) {
	m := material(t, "alice", everything...)
	if a, b := letterTo(t, m), letterTo(t, m); !bytes.Equal(a.Source, b.Source) {
		t.Errorf("two sources:\n%s\n%s", a.Source, b.Source)
	}
}

// RFC 5322 §2.1.1: no line of more than 998 characters, and lines end in CRLF.
func TestEveryLineOfAMessageIsShortEnough(t *testing.T) {
	m := material(t, "alice", everything...)
	m.Packages[0].Summary = strings.Repeat("long ", 2000)
	m.Name = strings.Repeat("Long", 500) + " " + strings.Repeat("é", 500)
	m.Preferences.Interests = m.Packages[0].Tags // so that the long one is offered
	for i, line := range bytes.Split(letterTo(t, m).Source, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line %d has %d bytes: %.80q", i, len(line), line)
		}
	}
}

func TestANameCannotAddAHeader(t *testing.T) {
	for _, name := range []string{
		"Alice\r\nBcc: everybody@acme.test", "Alice\nBcc: everybody@acme.test", "Alice\r\n\r\n<p>body</p>",
		`Alice" <mallory@acme.test>, "`, "Åsa Ökeføld 田中", "Alice\x00Moreau", "\u202egnp.exe", "Alice =?utf-8?q?=0D=0ABcc:x?=",
	} {
		m := material(t, "alice", everything...)
		m.Name = name
		l := letterTo(t, m)
		header, _ := parse(t, l.Source)
		to, err := header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "alice@acme.test" || to[0].Name != oneLine(name) {
			t.Errorf("%q: to %v, %v", name, to, err)
		}
		if header.Get("Bcc") != "" || bytes.Contains(l.Source, []byte("\nBcc:")) {
			t.Errorf("%q: a Bcc header:\n%s", name, l.Source)
		}
	}
}

func TestAPackageCannotAddAHeader(t *testing.T) {
	m := material(t, "alice", everything...)
	for i := range m.Packages {
		m.Packages[i].Title = "Huts\r\nBcc: everybody@acme.test\r\n\r\n--letter_l_4Zk9\r\n"
		m.Packages[i].Price.Currency = "\r\nX: y"
	}
	l := letterTo(t, m)
	header, parts := parse(t, l.Source)
	if header.Get("Bcc") != "" || header.Get("X") != "" || len(parts) != 2 {
		t.Errorf("header %v, %d parts", header, len(parts))
	}
}

func TestAnAddressOrURLThatIsNoneIsRefused(t *testing.T) {
	good := envelope(material(t, "alice", everything...))
	for name, spoil := range map[string]func(*Envelope){
		"two addresses":      func(e *Envelope) { e.Email = "alice@acme.test, bob@acme.test" },
		"a line end":         func(e *Envelope) { e.Email = "alice@acme.test\r\nBcc: bob@acme.test" },
		"an angle":           func(e *Envelope) { e.Email = "alice@acme.test> SIZE=1" },
		"a name":             func(e *Envelope) { e.Email = "Alice <alice@acme.test>" },
		"no domain":          func(e *Envelope) { e.Email = "alice" },
		"not ASCII":          func(e *Envelope) { e.Email = "ålice@acme.test" },
		"an id with an end":  func(e *Envelope) { e.ID = "l_1>\r\nBcc: x" },
		"no id":              func(e *Envelope) { e.ID = "" },
		"a script":           func(e *Envelope) { e.Unsubscribe = "javascript:alert(1)" },
		"a second URL":       func(e *Envelope) { e.Unsubscribe = "http://a.test/>,<http://b.test/" },
		"a relative URL":     func(e *Envelope) { e.Unsubscribe = "/unsubscribe" },
		"a URL with an end":  func(e *Envelope) { e.Unsubscribe = "http://a.test/\r\nBcc: x" },
		"no page of offers":  func(e *Envelope) { e.OffersURL = "" },
		"no page to connect": func(e *Envelope) { e.ConnectURL = "data:text/html,x" },
	} {
		e := good
		spoil(&e)
		l, err := Write(Offers{}, e)
		if err == nil || l.Source != nil {
			t.Errorf("%s: a letter was written:\n%s", name, l.Source)
		}
		// An account's odd address must not break the page of its offers.
		if e.Email != good.Email && !errors.Is(err, ErrNoEmail) {
			t.Errorf("%s: %v, want ErrNoEmail", name, err)
		}
	}
}

func TestHTMLOfAStrangerIsEscaped(t *testing.T) {
	m := material(t, "alice", everything...)
	for i := range m.Packages {
		m.Packages[i].Title = `<img src=x onerror=alert(1)>`
		m.Packages[i].URL = "javascript:alert(1)"
	}
	m.Name = "<b>Alice</b>"
	html := letterTo(t, m).HTML
	if strings.Contains(html, "<img") || strings.Contains(html, "<b>Alice") || strings.Contains(html, "javascript:") {
		t.Errorf("not escaped:\n%s", html)
	}
}

func TestALetterSurvivesJSON(t *testing.T) {
	l := letterTo(t, material(t, "alice", everything...))
	stored, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var back Letter
	if err := json.Unmarshal(stored, &back); err != nil || !reflect.DeepEqual(l, back) {
		t.Errorf("came back different: %v", err)
	}
}
