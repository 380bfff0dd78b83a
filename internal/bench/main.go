// Command bench measures each endpoint beside its ceiling: an Echo handler that
// reads the same request, signs or verifies with the same algorithm, writes the
// same durable rows, and does nothing else. A ratio tells what the rules of the
// protocol, the layers and the pages' headers cost; requests per second alone
// would tell how fast the computer is.
//
//	go run ./internal/bench -only introspection -seconds 3
//
// Both sides run in one go and by turns, in processes of their own, so that a
// noisy neighbour meets both. It measures and does not judge: it exits with 0
// whatever the figures are.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	var o options
	flag.Float64Var(&o.seconds, "seconds", 1, "how long a server is under load in a round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the median counts")
	flag.StringVar(&o.only, "only", "", "measure the endpoints whose name contains this, and no start-up or memory; 'programs' is these alone")
	flag.StringVar(&o.profile, "cpuprofile", "", "a folder for CPU profiles of the programs under load")
	flag.Int64Var(&o.tokens, "tokens", 100_000, "how many tokens are issued before memory is measured again")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.seconds <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		os.Exit(fail(err))
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

type options struct {
	seconds float64
	rounds  int
	only    string
	profile string
	tokens  int64
}

// atOnce are the numbers of connections that are kept busy.
var atOnce = []int{16, 64}

func run(o options) error {
	dir, err := os.MkdirTemp("", "acme-dreams-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newSite(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s. Medians of %d rounds of %gs for each side, by turns.\n\n", facts(), o.rounds, o.seconds)
	if o.only == "" || o.only == "programs" {
		if err := printPrograms(s, o); err != nil {
			return err
		}
	}
	if o.only == "programs" {
		return nil
	}
	return printEndpoints(s, o)
}

func printPrograms(s site, o options) error {
	all, err := measurePrograms(s, o.tokens)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "program\tstart to first 200\tgoal\t\tmemory idle\tgoal\t\tafter tokens\tgoal\t")
	for _, p := range programs {
		f := all[p.name]
		fmt.Fprintf(out, "%s\t%.0f ms\t150\t%s\t%.0f MB\t30\t%s\t", p.name,
			float64(f.ready.Microseconds())/1000, verdict(f.ready <= 150*time.Millisecond), f.idle, verdict(f.idle <= 30))
		if f.afterAll > 0 {
			fmt.Fprintf(out, "%.0f MB after %d\t80\t%s", f.afterAll, o.tokens, verdict(f.afterAll <= 80))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	return out.Flush()
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "short"
}

func printEndpoints(s site, o options) error {
	for _, role := range []string{"authserver", "acme", "ceiling", unheard} {
		p, err := s.play(role, o.profile)
		if err != nil {
			return err
		}
		defer p.stop()
	}
	if err := signIn(s.dir); err != nil {
		return err
	}
	fmt.Print(legend, "\n\n")
	fmt.Printf(columns, "at once", "ours/s", "ceiling/s", "ratio", "goal", "", "errors", "CPU µs", "ceiling", "ratio", "endpoint")
	for _, e := range endpoints(s) {
		if !strings.Contains(e.name, o.only) {
			continue
		}
		for _, connections := range atOnce {
			printResult(e, connections, measure(e, connections, o))
		}
	}
	return nil
}

func printResult(e endpoint, connections int, r result) {
	goal, judged := "-", "info"
	if e.goal > 0 {
		goal, judged = decimals(e.goal), verdict(r.ratio >= e.goal)
	}
	fmt.Printf(columns, connections, rounded(r.ours), rounded(r.ceiling), decimals(r.ratio), goal, judged, r.errors,
		rounded(r.cpu), rounded(r.ceilingCPU), decimals(r.ceilingCPU/r.cpu), e.name)
	if r.first != nil {
		fmt.Fprintf(os.Stderr, "%s, %d at once: %v\n", e.name, connections, r.first)
	}
}

// columns lets each line appear as soon as it is measured.
const columns = "%7v %8v %10v %6v %5v %-6v %6v %7v %8v %6v  %v\n"

func rounded(f float64) string  { return fmt.Sprintf("%.0f", f) }
func decimals(f float64) string { return fmt.Sprintf("%.2f", f) }

const legend = `Each endpoint beside its ceiling. ratio: of the operations per second; the goal is for it.
Of "wiretap" the ceiling is our own server with WIRETAP=off, while nobody watches the other.
CPU: microseconds of computing time that the server takes for one operation, which a
noisy neighbour changes less. Errors are those of both sides; none are expected.`

// result is what came of all rounds.
type result struct {
	ours, ceiling, ratio float64 // medians
	cpu, ceilingCPU      float64
	errors               int
	first                error
}

// measure takes the ratio of each round, whose two halves met the same noise,
// and then the median of the ratios.
func measure(e endpoint, connections int, o options) result {
	var r result
	var ours, ceilings, ratios, cpu, ceilingCPU []float64
	for range o.rounds {
		duration := time.Duration(o.seconds * float64(time.Second))
		mine, top := e.ours.run(connections, duration, 0), e.ceiling.run(connections, duration, 0)
		ours, ceilings = append(ours, mine.perSecond), append(ceilings, top.perSecond)
		ratios = append(ratios, mine.perSecond/top.perSecond)
		cpu, ceilingCPU = append(cpu, mine.cpu), append(ceilingCPU, top.cpu)
		r.errors += mine.errors + top.errors
		r.first = cmp.Or(r.first, mine.first, top.first)
	}
	r.ours, r.ceiling, r.ratio = median(ours), median(ceilings), median(ratios)
	r.cpu, r.ceilingCPU = median(cpu), median(ceilingCPU)
	return r
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
