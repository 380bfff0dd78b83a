// Command mainjob does the main job against three running programs, wherever
// they run, and prints a line for every step:
//
//	go run ./internal/e2e/mainjob -authserver URL -acme URL -dreams URL [-browser]
//
// The exit status is 1 when a step failed, with the reason on standard error.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"example.com/acme-dreams/internal/e2e"
)

func main() {
	var at e2e.Addresses
	flag.StringVar(&at.Auth, "authserver", "http://localhost:9000", "public URL of authserver")
	flag.StringVar(&at.Acme, "acme", "http://localhost:9001", "public URL of acme")
	flag.StringVar(&at.Dreams, "dreams", "http://localhost:9002", "public URL of dreams")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "mainjob: argument %q is not known\n", flag.Arg(0))
		os.Exit(2)
	}
	r := reporter{done: make(chan string)}
	go func() {
		e2e.MainJob(r, at, say)
		r.done <- ""
	}()
	if failure := <-r.done; failure != "" {
		fmt.Fprintln(os.Stderr, "mainjob: FAILED:", failure)
		os.Exit(1)
	}
}

var steps int

func say(step string) {
	steps++
	fmt.Printf("%2d  %s\n", steps, step)
}

// reporter ends the goroutine that reports a failure, as a test does.
type reporter struct{ done chan string }

func (reporter) Helper() {}

func (r reporter) Fatal(args ...any) {
	r.done <- strings.TrimSpace(fmt.Sprintln(args...))
	runtime.Goexit()
}

func (r reporter) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
