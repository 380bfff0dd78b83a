package views

import "testing"

// RFC 9700 §4.1.3: redirect URIs are compared as strings, so the page shows the
// first character that is not the same.
func TestDiffStrings(t *testing.T) {
	const registered = "http://localhost:9002/callback"
	for _, tt := range []struct {
		received string
		want     Difference
	}{
		{registered + "/", Difference{registered, "", "/", "", "Differs at character 31 of 31: a trailing slash"}},
		{"https://localhost:9002/callback", Difference{"http", "", "s", "://localhost:9002/callback", "Differs at character 5 of 31: scheme https instead of http"}},
		{"http://localhost:9003/callback", Difference{"http://localhost:900", "2", "3", "/callback", "Differs at character 21 of 30: port 9003 instead of 9002"}},
		{"http://localhost/callback", Difference{"http://localhost", ":9002", "", "/callback", "Differs at character 17 of 25: port 9002 is missing"}},
		{"http://127.0.0.1:9002/callback", Difference{"http://", "localhost", "127.0.0.1", ":9002/callback", "Differs at character 8 of 30: host 127.0.0.1 instead of localhost"}},
		{"http://localhost:9002/Callback", Difference{"http://localhost:9002/", "c", "C", "allback", "Differs at character 23 of 30: upper and lower case are not the same"}},
		{registered + "?a=b", Difference{registered, "", "?a=b", "", "Differs at character 31 of 34: another query"}},
		{"http://localhost:9002/call", Difference{"http://localhost:9002/call", "back", "", "", "Ends after character 26, too early: another path"}},
		{registered + " ", Difference{registered, "", " ", "", "Differs at character 31 of 31: white space around it"}},
		{"http://lоcalhost:9002/callback", Difference{"http://l", "o", "о", "calhost:9002/callback", "Differs at character 9 of 30: a character outside ASCII, which may look like another"}},
		{"", Difference{"", registered, "", "", "Nothing was received"}},
		{registered, Difference{registered, "", "", "", "The two are the same, character by character"}},
		{"http://%zz", Difference{"http://", "localhost:9002/callback", "%zz", "", "Differs at character 8 of 10"}},
	} {
		if got := DiffStrings(registered, tt.received); got != tt.want {
			t.Errorf("%q:\n got %+v\nwant %+v", tt.received, got, tt.want)
		}
	}
	if got := DiffStrings("https://a.test/cb/", "https://a.test/cb").Sentence; got != "Ends after character 17, too early: the trailing slash is missing" {
		t.Error(got)
	}
}

func TestTheTailDoesNotOverlapWhatIsTheSame(t *testing.T) {
	if got := DiffStrings("aaa", "aa"); got.Same != "aa" || got.RegisteredRest != "a" || got.ReceivedRest != "" || got.Tail != "" {
		t.Errorf("%+v", got)
	}
}

func FuzzDiffStrings(f *testing.F) {
	f.Add("http://localhost:9002/callback", "http://localhost:9002/callback/")
	f.Add("aba", "ab")
	f.Fuzz(func(t *testing.T, registered, received string) {
		d := DiffStrings(registered, received)
		if got, want := d.Same+d.RegisteredRest+d.Tail, string([]rune(registered)); got != want {
			t.Errorf("registered: %q, want %q", got, want)
		}
		if got, want := d.Same+d.ReceivedRest+d.Tail, string([]rune(received)); got != want {
			t.Errorf("received: %q, want %q", got, want)
		}
	})
}

func TestTheDifferenceIsSaidInWordsToo(t *testing.T) {
	html := render(t, Compare(DiffStrings("http://localhost:9002/callback", "http://localhost:9002/callback/")))
	wantAll(t, html,
		`<div>http://localhost:9002/callback<del><span class="vh">missing here: </span>∅</del></div>`,
		`<div>http://localhost:9002/callback<ins><span class="vh">only here: </span>/</ins></div>`,
		`tabindex="0" role="group" aria-label="Comparison of the two addresses"`)
}

// A right-to-left override would show "moc.live" as "evil.com".
func TestCharactersThatCannotBeSeenAreWrittenOut(t *testing.T) {
	html := render(t, Compare(DiffStrings("http://a.test/", "http://a.test/\u202egpj\u200b\n")))
	wantAll(t, html, "U+202Egpj", "U+200B", "U+000A")
	wantNone(t, html, "\u202e", "\u200b")
}
