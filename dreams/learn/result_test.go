package learn

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/seed"
)

func TestResultsAreBoundedAndTheOldestGoFirst(t *testing.T) {
	d := newDesks()
	start := time.Now()
	for i := range maxDesks + 1 {
		d.keep(&Run{Browser: fmt.Sprint(i), lesson: Lesson{Slug: "x"}}, start.Add(time.Duration(i)*time.Second))
	}
	if len(d.desks) != maxDesks || len(d.results("0")) != 0 || len(d.results("1")) != 1 {
		t.Errorf("%d desks, %d, %d", len(d.desks), len(d.results("0")), len(d.results("1")))
	}
	for i := range maxWaiting + 1 {
		d.wait(fmt.Sprint(i), &Run{})
	}
	if len(d.waiting) != maxWaiting || d.back("0") != nil || d.back("1") == nil || d.back("1") != nil {
		t.Errorf("%d wait", len(d.waiting))
	}
}

func TestABrowserWithoutASessionHasNoResults(t *testing.T) {
	d := newDesks()
	d.keep(&Run{Browser: "", lesson: Lesson{Slug: "x"}}, time.Now())
	if len(d.results("")) != 0 || d.take("", "x") != nil {
		t.Error("whoever has no session shares one desk")
	}
}

func TestAnUnfinishedRunGoesOnOnce(t *testing.T) {
	d := newDesks()
	d.keep(&Run{Browser: "b", lesson: Lesson{Slug: "x"}, Unfinished: time.Second}, time.Now())
	if d.take("other", "x") != nil || d.take("b", "x") == nil || d.take("b", "x") != nil {
		t.Error("an unfinished run is not its browser's, once")
	}
}

func TestLegacyGrantsOffTurnsLegacyLessonsOff(t *testing.T) {
	off, on := &Classroom{}, &Classroom{Env: environment.Environment{LegacyGrants: true}}
	if !off.off(Lesson{Legacy: true}) || off.off(Lesson{}) || on.off(Lesson{Legacy: true}) {
		t.Error("LEGACY_GRANTS=off turns off what is legacy, and nothing else")
	}
}

func TestCarolIsASeededPerson(t *testing.T) {
	if subjectOf("carol") == nobody || len(seed.Users()) == 0 {
		t.Error("the lesson signs for nobody")
	}
}

func TestTokensAreTakenApartAndWhatIsNoneIsLeft(t *testing.T) {
	const jwt = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ1XzEiLCJleHAiOjE3NjcyMjU2MDAsImFjdCI6eyJzdWIiOiJkcmVhbXMtd2ViIn19.c2ln"
	d, ok := decode(jwt)
	if !ok || d.Header[0] != (Claim{"typ", "at+jwt", meaning["typ"].words, "RFC 9068 §2.1"}) {
		t.Fatalf("%v %+v", ok, d)
	}
	if c := d.Claims; c[0].Value != "u_1" || c[1].Value != `{"sub":"dreams-web"}` || c[2].Value != "1767225600 · 00:00:00 UTC" {
		t.Errorf("%+v", c)
	}
	for _, raw := range []string{"", "rt_abc", "a.b.c", "e30.e30", "e30.bm9wZQ.x", jwt + ".x"} {
		if _, ok := decode(raw); ok {
			t.Errorf("%q was taken for a JWT", raw)
		}
	}
}

// grants are the slugs that stand for a page each, whatever else changes.
var grants = []string{
	"authorization-code", "pkce", "implicit", "client-credentials", "password", "refresh-token", "device-code", "token-exchange", "jwt-bearer",
}

// besides are those of the lab.
var besides = []string{"par", "jar", "rar", "dpop", "resource-indicators", "issuer", "resource-metadata", "registration", "step-up", "logout", "introspection", "fapi2"}

func TestLessonsAreWholeAndEveryChoiceLeadsToOne(t *testing.T) {
	c := &Classroom{Bearer: &flow.JWTBearer{}}
	for _, l := range c.all() {
		lab := slices.Contains(besides, l.Slug)
		if lab == slices.Contains(grants, l.Slug) || lab != l.Lab || lab != (l.Group == Besides) || lab != (l.Stops != "") || lab != (l.Needs != nil) {
			t.Errorf("%s is neither a grant nor of the lab, or both", l.Slug)
		}
		if l.Title == "" || l.Line == "" || l.For == "" || l.NotFor == "" || l.Reason == "" || l.Source == "" || len(l.Steps) == 0 || len(l.Secrets) == 0 || len(l.Files) == 0 {
			t.Errorf("%s leaves something out", l.Slug)
		}
		for _, f := range l.Files {
			if _, err := os.Stat("../../" + f.Path); err != nil {
				t.Errorf("%s names a file: %v", l.Slug, err)
			}
		}
	}
	for _, choice := range choices {
		if !slices.Contains(grants, strings.TrimPrefix(choice.Lesson.Href, "/learn/")) {
			t.Errorf("%s leads to no lesson", choice.Lesson.Href)
		}
	}
}

func TestWithoutARecordingNoTokenIsKept(t *testing.T) { // WIRETAP=off
	off, on := &Run{}, &Run{Recording: &wiretap.Recording{}}
	off.Decode("the access token", "at_1")
	on.Decode("the access token", "at_1")
	if len(off.result.Tokens) != 0 || len(on.result.Tokens) != 1 {
		t.Errorf("%v %v", off.result.Tokens, on.result.Tokens)
	}
}
