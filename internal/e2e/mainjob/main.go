// Command mainjob does the main job against three running programs, wherever
// they run, and prints a line for every step:
//
//	go run ./internal/e2e/mainjob -authserver URL -acme URL -dreams URL [-browser]
//
// With -browser it does it in a real browser too, with script and without. The
// exit status is 1 when a step failed, with the reason on standard error.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"example.com/acme-dreams/internal/e2e"
	"example.com/acme-dreams/internal/e2e/chrome"
)

func main() {
	var at e2e.Addresses
	flag.StringVar(&at.Auth, "authserver", "http://localhost:9000", "public `URL` of authserver")
	flag.StringVar(&at.Acme, "acme", "http://localhost:9001", "public `URL` of acme")
	flag.StringVar(&at.Dreams, "dreams", "http://localhost:9002", "public `URL` of dreams")
	browser := flag.Bool("browser", false, "in a real browser too")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "mainjob: argument %q is not known\n", flag.Arg(0))
		os.Exit(2)
	}
	r, done := &reporter{}, make(chan struct{})
	go func() {
		defer close(done)
		e2e.MainJob(r, at, say)
		if *browser {
			inBrowser(r, at)
		}
	}()
	<-done
	if r.failure != "" {
		fmt.Fprintln(os.Stderr, "mainjob: FAILED:", r.failure)
		os.Exit(1)
	}
}

func inBrowser(r *reporter, at e2e.Addresses) {
	path, err := chrome.Find()
	if err != nil {
		r.Fatal(err)
	}
	b, err := chrome.Start(path)
	if err != nil {
		r.Fatal(err)
	}
	defer b.Close()
	for _, script := range []bool{true, false} {
		chrome.MainJob{Auth: at.Auth, Acme: at.Acme, Dreams: at.Dreams, Script: script, Width: 1280, Shots: os.Getenv("E2E_SHOTS")}.
			Run(r, b, func(step string) { say(fmt.Sprintf("in a browser (script: %v): %s", script, step)) })
	}
}

var steps int

func say(step string) {
	steps++
	fmt.Printf("%2d  %s\n", steps, step)
}

// reporter ends the goroutine that reports a failure, as a test does: what it
// deferred still runs.
type reporter struct{ failure string }

func (*reporter) Helper() {}

func (r *reporter) Fatal(args ...any) {
	r.failure = strings.TrimSpace(fmt.Sprintln(args...))
	runtime.Goexit()
}

func (r *reporter) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
