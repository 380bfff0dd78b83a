package explain

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The words are short, and each entry is whole.
func TestEveryEntryIsWhole(t *testing.T) {
	source := regexp.MustCompile(`^(ours|RFC 9112|Fetch Standard|Fetch Metadata|HTML Standard|Permissions Policy|User-Agent Client Hints|Upgrade Insecure Requests|IANA Field Name Registry|[A-Z][A-Za-z0-9.: -]* §[0-9][0-9.]*[0-9]|[A-Z][A-Za-z0-9.: -]* §[0-9])$`)
	for text, table := range map[string]table{"parameters.txt": parameters, "messages.txt": messages} {
		for name, entries := range table {
			for _, e := range entries {
				switch {
				case e.For == "" || !strings.HasSuffix(e.For, "."):
					t.Errorf("%s:%d: %q is no sentence", text, e.line, e.For)
				case len(e.For) > 150:
					t.Errorf("%s:%d: %d characters are too many", text, e.line, len(e.For))
				case strings.HasSuffix(e.Stops, ".") || len(e.Stops) > 90:
					t.Errorf("%s:%d: what it stops is a short phrase, not %q", text, e.line, e.Stops)
				case name != "" && e.Required == "":
					t.Errorf("%s:%d: it does not say when %s is there", text, e.line, name)
				}
				for one := range strings.SplitSeq(e.Source, ", ") {
					if !source.MatchString(one) {
						t.Errorf("%s:%d: %q is no source", text, e.line, one)
					}
				}
			}
		}
	}
}

// verified are the sections that were looked up for these texts alone; all others
// are cited in the code as well, beside the line that obeys them.
var verified = []string{
	"Initiating User Registration §4.2", "JARM §3", "OAuth 2.0 Multiple Response Types §2.1", "OIDC Core §3.3.2.11",
	"RFC 3834 §5", "RFC 6265 §4.1", "RFC 6265 §4.2", "RFC 6266 §4", "RFC 6454 §7", "RFC 6585 §4", "RFC 6797 §6.1",
	"RFC 7515 §4.1.3", "RFC 7517 §4.1", "RFC 7517 §4.2", "RFC 7517 §4.4", "RFC 7517 §4.5", "RFC 7517 §5.1", "RFC 7518 §6.2.1", "RFC 7518 §6.3.1", "RFC 7617 §2.1",
	"RFC 8288 §3", "RFC 8705 §3.4", "RFC 9068 §2.2.3",
	"RFC 9110 §10.1.5", "RFC 9110 §10.2.1", "RFC 9110 §10.2.3", "RFC 9110 §10.2.4", "RFC 9110 §11.6.2",
	"RFC 9110 §12.5.1", "RFC 9110 §12.5.3", "RFC 9110 §12.5.4", "RFC 9110 §12.5.5", "RFC 9110 §13.1.2", "RFC 9110 §14",
	"RFC 9110 §6.6.1", "RFC 9110 §7.2", "RFC 9110 §7.6.1", "RFC 9110 §8.3", "RFC 9110 §8.5", "RFC 9110 §8.6", "RFC 9110 §8.8.2", "RFC 9110 §8.8.3",
	"RFC 9111 §5.2", "RFC 9111 §5.4", "RFC 9112 §6.1",
	"RFC 9457 §3.1.1", "RFC 9457 §3.1.2", "RFC 9457 §3.1.3", "RFC 9457 §3.1.4", "RFC 9493 §4.1", "RFC 9700 §4.2.4", "W3C Trace Context §3.3",
}

// A section that is cited wrongly is worse than none.
func TestNoSectionIsCitedThatNobodyLookedUp(t *testing.T) {
	cited := citations(t)
	for text, table := range map[string]table{"parameters.txt": parameters, "messages.txt": messages} {
		for _, entries := range table {
			for _, e := range entries {
				for one := range strings.SplitSeq(e.Source, ", ") {
					if strings.Contains(one, "§") && !cited[one] && !slices.Contains(verified, one) {
						t.Errorf("%s:%d: %s is cited nowhere else", text, e.line, one)
					}
				}
			}
		}
	}
}

// citations are all sections that code and transcripts cite. "RFC 6749 §4.1.1,
// §3.1" cites two.
func citations(t *testing.T) map[string]bool {
	cited := map[string]bool{}
	sections := regexp.MustCompile(`((?:RFC [0-9]+|OIDC [A-Z][a-z]+|RP-Initiated Logout|Back-Channel Logout|OAuth 2\.0 [A-Z][A-Za-z ]+|W3C Trace Context|JARM)) (§[0-9][0-9.]*(?:(?:, | and |; )§[0-9][0-9.]*)*)`)
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "dreams/explain/") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".http") {
			return err
		}
		text, err := os.ReadFile("../../" + name)
		for _, match := range sections.FindAllStringSubmatch(string(text), -1) {
			for _, section := range regexp.MustCompile(`§[0-9.]*[0-9]`).FindAllString(match[2], -1) {
				cited[match[1]+" "+section] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return cited
}

func TestWhatIsSaidDependsOnThePlace(t *testing.T) {
	token := Place{Party: "A", Endpoint: "/token", Direction: Request, Kind: Form}
	of := func(grantType string) Place { p := token; p.GrantType = grantType; return p }
	for _, tt := range []struct {
		name string
		in   Place
		want string // within For
	}{
		{"scope", of("refresh_token"), "Less than"},
		{"scope", of("client_credentials"), "in its own name"},
		{"scope", of("urn:ietf:params:oauth:grant-type:token-exchange"), "no more than the old one"},
		{"scope", token, "never more"},
		{"scope", Place{Party: "A", Endpoint: "/authorize", Direction: Request, Kind: Query}, "would like"},
		{"scope", Place{Party: "A", Endpoint: "/token", Direction: Response, Kind: JSON, Status: 200}, "really granted"},
		{"scope", Place{Kind: Claim, Token: AccessToken}, "may do"},
		{"code", Place{Party: "D", Endpoint: "/callback", Direction: Request, Kind: Query}, "ticket"},
		{"jti", Place{Kind: Claim, Token: DPoPProof}, "each proof"},
		{"jti", Place{Kind: Claim}, "Its number"},
		{"typ", Place{Kind: JOSE, Token: LogoutToken}, "logout+jwt"},
		{"cnf.jkt", Place{Kind: Claim, Token: AccessToken}, "thumbprint"},
		{"keys.kid", Place{Party: "A", Endpoint: "/jwks", Direction: Response, Kind: JSON}, "The key's name"},
		{"AUTHORIZATION", Place{Party: "R", Endpoint: "/api/v1/me", Direction: Request, Kind: Header}, "access token"},
		{"authorization", Place{Party: "A", Endpoint: "/par", Direction: Request, Kind: Header}, "secret"},
		{"authorization", Place{Party: "A", Endpoint: "/register/c_1", Direction: Request, Kind: Header}, "registration access token"},
		{"title", Place{Party: "R", Endpoint: "/api/v1/packages", Direction: Response, Kind: JSON, Status: 200}, "journey"},
		{"title", Place{Party: "R", Endpoint: "/api/v1/packages", Direction: Response, Kind: JSON, Status: 403}, "problem"},
		{"budget.max", Place{Party: "R", Endpoint: "/api/v1/me/preferences", Direction: Response, Kind: JSON, Status: 200}, "likes to travel"},
		{"events.https://accounts.example/events/consent-ended.reason", Place{Kind: Claim, Token: SecurityEvent}, "Why"},
		{"events.https://accounts.example/events/consent-ended", Place{Kind: Claim, Token: SecurityEvent}, "consent has ended"},
	} {
		if e, ok := Parameter(tt.name, tt.in); !ok || !strings.Contains(e.For, tt.want) {
			t.Errorf("%s in %+v: got %q, want %q", tt.name, tt.in, e.For, tt.want)
		}
	}
	for _, in := range []Place{token, {Kind: Header}, {Kind: Claim}, {}} {
		if e, ok := Parameter("nobody_knows", in); ok {
			t.Errorf("%+v: %q is said of what nobody knows", in, e.For)
		}
	}
}

func TestAMessageIsSaidToBeWhatItIs(t *testing.T) {
	for _, tt := range []struct {
		of   MessageKind
		want string
	}{
		{MessageKind{"A", "POST", "/token", Request, "authorization_code", 0, "verifier", ""}, "proves with the verifier"},
		{MessageKind{"A", "POST", "/token", Request, "authorization_code", 0, "code", ""}, "no verifier"},
		{MessageKind{"A", "POST", "/token", Response, "authorization_code", 400, "", ""}, "gives nothing"},
		{MessageKind{"A", "POST", "/token", Response, "authorization_code", 429, "", ""}, "nothing"},
		{MessageKind{"A", "POST", "/consent", Response, "", 303, "code", ""}, "with a code"},
		{MessageKind{"A", "POST", "/consent", Response, "", 303, "error", ""}, "refusal"},
		{MessageKind{"A", "GET", "/consent", Response, "", 200, "", ""}, "who asks for what"},
		{MessageKind{"R", "GET", "/api/v1/me/posts/p1", Request, "", 0, "", ""}, "blog"},
		{MessageKind{"R", "GET", "/api/v1/me", Response, "", 429, "", ""}, "Too often"},
		{MessageKind{"D", "GET", "/callback", Request, "", 0, "error", ""}, "refusal"},
		{MessageKind{"A", "POST", "/token", Request, "authorization_code", 0, "verifier", "D"}, "Dreams trades"},
		{MessageKind{"A", "POST", "/token", Request, "authorization_code", 0, "verifier", "B"}, "The page trades"},
		{MessageKind{"R", "GET", "/api/v1/me/preferences", Request, "", 0, "", "A"}, "Accounts asks"},
		{MessageKind{"R", "GET", "/api/v1/me", Response, "", 401, "", "B"}, "No token"},
	} {
		if sentence, _, ok := Message(tt.of); !ok || !strings.Contains(sentence, tt.want) {
			t.Errorf("%+v: got %q, want %q", tt.of, sentence, tt.want)
		}
	}
	if sentence, _, ok := Message(MessageKind{Party: "A", Method: "GET", Endpoint: "/help", Direction: Response, Status: 200}); ok {
		t.Errorf("a page of help is said to be: %s", sentence)
	}
}

func TestTheTextSaysWhatIsWrongWithIt(t *testing.T) {
	for text, want := range map[string]string{
		"= form nowhere":                     "says nothing of a place",
		"= form\na | b":                      "line 2",
		"name | required | ours\n  It is.":   "stands nowhere",
		"= form\n  words":                    "words of nothing",
		"= form /token\na | b | ours\n  Ok.": "",
	} {
		_, err := read(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
