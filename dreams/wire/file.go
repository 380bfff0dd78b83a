package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/acme-dreams/internal/wiretap"
)

// File is a run as it is taken away: to another computer, or into a drawer.
type File struct {
	Format  string         `json:"format"`  // FileFormat
	Version int            `json:"version"` // FileVersion
	Lesson  string         `json:"lesson"`  // /learn/{lesson}
	Title   string         `json:"title"`
	Started time.Time      `json:"started"`
	Build   string         `json:"build"`   // of the program, as package source sums it up
	Secrets bool           `json:"secrets"` // whether secrets are in it
	Record  wiretap.Record `json:"record"`
}

// What File says of itself.
const (
	FileFormat  = "acme-dreams run"
	FileVersion = 1
)

// jwt is a signed token (RFC 7515 §3.1).
var jwt = regexp.MustCompile(`(eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.)[A-Za-z0-9_-]+`)

// withoutSignature is a token that everybody can read and nobody use.
const withoutSignature = "${1}signature-left-out"

// short is the length below which a value is no secret of ours: somebody typed it.
const short = 8

// spent is a secret that stays: it is worth nothing once it was sent, for that
// spends its code, and without it nobody sees that the challenge is its hash.
const spent = "code_verifier"

// working lists what is left out besides what pages mask: it works until it is used.
var working = []string{"interaction", "user_code", "request_uri", "asked"}

// Masked is a record without its secrets. The same value is the same word
// everywhere, so that it can be followed; of a signed token the signature alone
// goes, which is what makes it work.
func Masked(record wiretap.Record) (wiretap.Record, error) {
	words := secretWords(record)
	mask := func(text string) string {
		text = basic.ReplaceAllStringFunc(text, func(credentials string) string {
			pair, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(credentials, "Basic "))
			if err != nil {
				return "Basic (left out)"
			}
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(words.Replace(string(pair))))
		})
		return words.Replace(jwt.ReplaceAllString(text, withoutSignature))
	}
	text, err := json.Marshal(record)
	if err != nil {
		return record, err
	}
	var copied wiretap.Record // the recording's own maps stay as they are
	if err := json.Unmarshal(text, &copied); err != nil {
		return record, err
	}
	for i := range copied.Exchanges {
		e := &copied.Exchanges[i]
		e.URL, e.Err = mask(e.URL), mask(e.Err)
		for _, half := range []*wiretap.Half{&e.Request, &e.Response} {
			half.Body = mask(half.Body)
			for _, values := range half.Header {
				for k := range values {
					values[k] = mask(values[k])
				}
			}
		}
		for k := range e.Checks {
			e.Checks[k].Refusal = mask(e.Checks[k].Refusal)
		}
	}
	for k := range copied.Checks {
		copied.Checks[k].Refusal = mask(copied.Checks[k].Refusal)
	}
	return copied, nil
}

var basic = regexp.MustCompile(`Basic [A-Za-z0-9+/=]+`)

// secretWords puts a word in the place of every secret of a record.
func secretWords(record wiretap.Record) *strings.Replacer {
	words, count := map[string]string{}, map[string]int{}
	for _, e := range record.Exchanges {
		for _, p := range append(requestParams(e), responseParams(e)...) {
			secret := p.Secret() && p.Name != spent || slices.Contains(working, p.Name)
			if !secret || len(p.Value) < short || p.Value == wiretap.Withheld || jwt.MatchString(p.Value) || words[p.Value] != "" {
				continue
			}
			count[p.Name]++
			words[p.Value] = p.Name + "-left-out-" + strconv.Itoa(count[p.Name])
		}
	}
	var secrets []string
	for secret := range words {
		secrets = append(secrets, secret)
	}
	// The longer first: one may stand within another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range secrets {
		for _, written := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			pairs = append(pairs, written, words[secret])
		}
	}
	return strings.NewReplacer(pairs...)
}

// MaxFile is the size of the largest file that is read.
const MaxFile = 4 << 20

// ReadFile reads a run that somebody took along. It is from anywhere: what it says
// is shown, and nothing of it is asked for or sent.
func ReadFile(from io.Reader) (File, error) {
	text, err := io.ReadAll(io.LimitReader(from, MaxFile+1))
	if err != nil {
		return File{}, err
	}
	if len(text) > MaxFile {
		return File{}, fmt.Errorf("it is larger than %d MiB", MaxFile>>20)
	}
	var f File
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return File{}, fmt.Errorf("it is not a run: %w", worded(err))
	}
	if dec.More() {
		return File{}, errors.New("it is not a run: something comes after it")
	}
	return f, f.check()
}

// worded is what a decoder says, without its Go.
func worded(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("%s is a %s", wrong.Field, wrong.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// check refuses what no recording of ours holds.
func (f File) check() error {
	const longest = 200
	switch {
	case f.Format != FileFormat:
		return fmt.Errorf("its format is %q: expected %q", beginning(f.Format), FileFormat)
	case f.Version != FileVersion:
		return fmt.Errorf("its version is %d: this program reads %d", f.Version, FileVersion)
	case f.Title == "" || len(f.Title) > longest || len(f.Lesson) > longest || len(f.Build) > longest:
		return errors.New("it has no title, or one that is too long")
	case len(f.Record.Exchanges) > wiretap.MaxExchanges || len(f.Record.Checks) > 4*wiretap.MaxExchanges || len(f.Record.Gaps) > wiretap.MaxExchanges:
		return fmt.Errorf("it has more than %d messages", wiretap.MaxExchanges)
	}
	for i, e := range f.Record.Exchanges {
		if err := checkExchange(e); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return checkChecks(f.Record.Checks)
}

// anyMethod is a token (RFC 9110 §5.6.2) as methods are written.
var anyMethod = regexp.MustCompile(`^[A-Z]{1,20}$`)

func checkExchange(e wiretap.Exchange) error {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || len(e.URL) > 64<<10:
		return errors.New("its address is none of HTTP")
	case !anyMethod.MatchString(e.Method):
		return fmt.Errorf("its method is %q", beginning(e.Method))
	case !party(e.From) || !party(e.To):
		return errors.New("it comes from nobody whom we know, or goes to nobody")
	case e.Status != 0 && (e.Status < 100 || e.Status > 599):
		return fmt.Errorf("its status is %d", e.Status)
	case e.Duration < 0 || e.Duration > 24*time.Hour || !plausible(e.Start):
		return errors.New("its time is none")
	case len(e.Request.Body) > wiretap.MaxBody || len(e.Response.Body) > wiretap.MaxBody || len(e.Request.Header) > 100 || len(e.Response.Header) > 100:
		return errors.New("it is too large")
	case len(e.Checks) > 4*wiretap.MaxExchanges:
		return errors.New("it has too many checks")
	}
	for _, header := range []http.Header{e.Request.Header, e.Response.Header} {
		for _, name := range []string{"Cookie", "Set-Cookie"} {
			if value := header.Get(name); value != "" && value != wiretap.Withheld {
				return errors.New("it holds a cookie, which no recording of ours does")
			}
		}
	}
	return checkChecks(e.Checks)
}

func checkChecks(all []wiretap.Check) error {
	for _, c := range all {
		if !party(c.By) || !plausible(c.At) || len(c.Name) > 500 || len(c.Source) > 500 {
			return errors.New("a check is none of ours")
		}
	}
	return nil
}

func party(p wiretap.Party) bool {
	return slices.Contains([]wiretap.Party{wiretap.Browser, wiretap.Client, wiretap.AuthorizationServer, wiretap.ResourceServer, wiretap.Somebody}, p)
}

func plausible(at time.Time) bool { return at.Year() >= 2000 && at.Year() < 2200 }

// beginning is as much of a stranger's word as an error needs.
func beginning(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	if !utf8.ValidString(text) {
		return strings.ToValidUTF8(text, "?")
	}
	return text
}
