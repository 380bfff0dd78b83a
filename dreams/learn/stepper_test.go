package learn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/wiretap"
)

// beginStepping begins a lesson of one's own that stops before each message.
func beginStepping(c *Classroom, id string, lesson func(ctx context.Context, run *Run) error) *Run {
	run := c.open(Visit{}, Lesson{Slug: "own", Title: "One's own", Run: lesson, Return: nil}, "browser", nil)
	run.stepper = newStepper(c.workers.base, run, 0)
	run.Recording = &wiretap.Recording{ID: id, Trace: id, Gate: run.stepper}
	run.progress.busy = true
	c.begin(run)
	run.stepper.expire()
	c.launch(run, func(ctx context.Context) error { return lesson(ctx, run) })
	return run
}

func emptyClassroom() *Classroom {
	return (&Classroom{Log: slog.New(slog.DiscardHandler), Now: time.Now, Server: &flow.AuthorizationServer{Issuer: "http://as"}, Bearer: &flow.JWTBearer{}}).Open()
}

func request(url string) wiretap.Message {
	return wiretap.Message{To: wiretap.AuthorizationServer, Method: "POST", URL: url, Header: http.Header{}}
}

// sends is a lesson of one request and its answer, which has to be stored.
func sends(stored *bool) func(context.Context, *Run) error {
	return func(ctx context.Context, run *Run) error {
		if _, err := run.stepper.Leaving(ctx, request("http://as/token")); err != nil {
			return err
		}
		if err := run.stepper.Arriving(ctx, wiretap.Exchange{ID: "1", URL: "http://as/token"}); err != nil {
			return err
		}
		*stored = true
		_, err := run.stepper.Leaving(ctx, request("http://acme/api"))
		return err
	}
}

func press(t *testing.T, run *Run) {
	t.Helper()
	synctest.Wait()
	p, waits := run.Pending()
	if !waits {
		t.Fatalf("nothing waits; the run is %s", run.State())
	}
	if _, moved := run.stepper.press(p.Seq, nil); !moved {
		t.Fatal("the press moved nothing")
	}
	synctest.Wait()
}

// A run waits for twenty minutes, and no goroutine of it is left afterwards.
func TestNothingIsHeldForLongerThanTwentyMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stored := emptyClassroom(), false
		run := beginStepping(c, "1", sends(&stored))
		time.Sleep(19 * time.Minute)
		if press(t, run); run.State() != Paused {
			t.Fatalf("after nineteen minutes it is %s", run.State())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if run.State() != Ended || !strings.Contains(run.Shown().Trouble, "twenty minutes") {
			t.Errorf("after twenty-one minutes it is %s: %s", run.State(), run.Shown().Trouble)
		}
		if !stored {
			t.Error("an answer that had come was lost: a refresh token may have been in it")
		}
		if _, waits := run.Pending(); waits {
			t.Error("something waits for ever")
		}
	})
}

// A run whose browser never comes back is over after twenty minutes as well.
func TestABrowserThatStaysAwayHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := emptyClassroom()
		run := beginStepping(c, "1", func(_ context.Context, run *Run) error {
			run.Redirect("http://as/authorize?state=s", "s")
			return nil
		})
		if press(t, run); run.State() != Away {
			t.Fatalf("it is %s", run.State())
		}
		time.Sleep(21 * time.Minute)
		synctest.Wait()
		if run.State() != Ended {
			t.Errorf("it is %s", run.State())
		}
		if run.claim() {
			t.Error("it goes on after its end")
		}
	})
}

// A program that stops waits for what is under way, and for nobody's press.
func TestTheProgramsStopEndsTheRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stored := emptyClassroom(), false
		held, answered := beginStepping(c, "1", sends(&stored)), beginStepping(c, "2", sends(&stored))
		press(t, answered)
		ctx, stop := context.WithCancel(context.Background())
		stopped := make(chan struct{})
		go func() { c.Work(ctx); close(stopped) }()
		synctest.Wait()
		stop()
		<-stopped
		for _, run := range []*Run{held, answered} {
			if run.State() != Ended || !strings.Contains(run.Shown().Trouble, "the program was stopped") {
				t.Errorf("it is %s: %s", run.State(), run.Shown().Trouble)
			}
		}
		if !stored {
			t.Error("an answer that had come was lost")
		}
		if c.launch(held, nil) {
			t.Error("a run begins after the stop")
		}
	})
}

// A lesson that panics ends its run, and not the program.
func TestALessonThatPanicsEndsItsRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := emptyClassroom()
		run := beginStepping(c, "1", func(context.Context, *Run) error { panic("oh") })
		synctest.Wait()
		if run.State() != Done || run.Shown().Trouble == "" {
			t.Errorf("it is %s: %q", run.State(), run.Shown().Trouble)
		}
	})
}

// What a lesson has to wait for it waits for, however soon somebody presses.
func TestAPressDoesNotShortenAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := emptyClassroom(), time.Time{}
		begun := time.Now()
		run := c.open(Visit{}, Lesson{Slug: "own", Continue: func(context.Context, *Run) error { asked = time.Now(); return nil }}, "browser", nil)
		run.stepper = newStepper(c.workers.base, run, 0)
		c.begin(run)
		c.launch(run, func(context.Context) error { run.Unfinished = 10 * time.Second; return nil })
		press(t, run)
		if run.State() != Working {
			t.Fatalf("after the press it is %s", run.State())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := asked.Sub(begun); after < 10*time.Second || after > 11*time.Second {
			t.Errorf("it asked after %s", after)
		}
		if run.State() != Done {
			t.Errorf("it is %s", run.State())
		}
	})
}

// Of one browser the newest runs are kept, and what was dropped waits for nobody.
func TestOldRunsMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stored := emptyClassroom(), false
		first := beginStepping(c, "first", sends(&stored))
		synctest.Wait()
		for range maxRunsOfOne {
			beginStepping(c, "later", func(context.Context, *Run) error { return errors.New("over") })
		}
		synctest.Wait()
		if first.State() != Ended || len(c.runs.of("browser")) != maxRunsOfOne {
			t.Errorf("the first is %s, and %d are kept", first.State(), len(c.runs.of("browser")))
		}
	})
}

// The log of a run that ends holds no token, though one stood in an address.
func TestARunThatEndsLogsNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := emptyClassroom()
		var log strings.Builder
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Back = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errTooLong })
		run := beginStepping(c, "1", func(ctx context.Context, _ *Run) error {
			_, err := c.Call(ctx, mePath+"?access_token=eyJ", "eyJ")
			return err
		})
		synctest.Wait()
		if run.State() != Done || !strings.Contains(log.String(), "a lesson ended early") || strings.Contains(log.String(), "eyJ") {
			t.Errorf("it is %s: %s", run.State(), log.String())
		}
	})
}
