package endpoint

import (
	"testing"
	"time"
)

// The log is never shortened: nobody must be able to fill the disk by it, and
// nobody to keep others' refusals out of it.
func TestOneAddressCannotFloodTheSecurityLog(t *testing.T) {
	var l refusalLog
	for range refusalsPerMinute {
		if !l.take("192.0.2.1", noon) {
			t.Fatal("refused too early")
		}
	}
	if l.take("192.0.2.1", noon.Add(59*time.Second)) {
		t.Error("one more was taken")
	}
	if !l.take("192.0.2.2", noon) || !l.take("192.0.2.1", noon.Add(time.Minute)) {
		t.Error("another address, or the next minute, is kept out")
	}
}

func TestWhatStrangersSentIsCutBetweenCharacters(t *testing.T) {
	for s, want := range map[string]string{"abc": "abc", "abcdef": "abcd", "abcé": "abc\uFFFD", "\xffab": "\uFFFDab"} {
		if got := limit(s, 4); got != want {
			t.Errorf("limit(%q) = %q, want %q", s, got, want)
		}
	}
}
