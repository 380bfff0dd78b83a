package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	acme "example.com/acme-dreams/acme/server"
	authserver "example.com/acme-dreams/authserver/server"
	dreams "example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// programs are the three, with the variable of their public URL.
var programs = []struct {
	name    string
	public  func(environment.Environment) environment.BaseURL
	compose func(context.Context, program.Config) (program.Server, error)
}{
	{"authserver", func(e environment.Environment) environment.BaseURL { return e.AuthserverURL }, authserver.New},
	{"acme", func(e environment.Environment) environment.BaseURL { return e.AcmeURL }, acme.New},
	{"dreams", func(e environment.Environment) environment.BaseURL { return e.DreamsURL }, dreams.New},
}

// What a process of this command is, where it is not the one that measures: a
// server under load needs a process of its own, and a profile of it as well.
const (
	roleVariable    = "BENCH_ROLE"
	profileVariable = "BENCH_CPUPROFILE"
)

// unheard is an authserver with WIRETAP=off, to compare the other one with.
const unheard = "unheard"

// play is main in such a process: it runs a program as its own main does.
func play(role string) int {
	go func() { // whatever becomes of the one that measures
		for parent := os.Getppid(); os.Getppid() == parent; time.Sleep(time.Second) {
		}
		os.Exit(1)
	}()
	if path := os.Getenv(profileVariable); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return fail(err)
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return fail(err)
		}
		defer pprof.StopCPUProfile()
	}
	switch role {
	case "ceiling":
		return runCeiling()
	case unheard:
		role = "authserver"
	}
	for _, p := range programs {
		if p.name == role {
			return program.Main(p.name, p.public, p.compose)
		}
	}
	return fail(fmt.Errorf("%s=%q is not known", roleVariable, role))
}

// process is a server that we started.
type process struct {
	command *exec.Cmd
	pid     int
	address string
	ready   time.Duration // from the start to the first 200
}

// start starts a server and waits for its first 200.
func start(path, address string, variables ...string) (*process, error) {
	p := &process{command: exec.Command(path), address: address}
	p.command.Env = append(os.Environ(), variables...)
	var told bytes.Buffer // of interest only where the start fails
	p.command.Stderr = &told
	begin := time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.pid = p.command.Process.Pid
	c := &connection{address: address}
	defer c.close()
	request := get("/healthz")
	for time.Since(begin) < 30*time.Second {
		if a, err := c.do(request); err == nil && a.status == http.StatusOK {
			p.ready = time.Since(begin)
			return p, nil
		}
		time.Sleep(500 * time.Microsecond)
	}
	p.stop()
	return nil, fmt.Errorf("%s did not answer at %s: %s", filepath.Base(path), address, told.String())
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}

// resident is the memory that a process occupies, in megabytes; 0 where the
// system has no /proc to tell.
func (p *process) resident() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return float64(kilobytes) / 1024
		}
	}
	return 0
}

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on Linux.
const clockTick = 10 * time.Millisecond

// cpu is the computing time that a process has used up; 0 where the system has
// no /proc to tell.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0
	}
	// proc(5): behind the name, in brackets, utime and stime are the 12th and 13th.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick
}

// site is where the servers of a run are: free ports, and a folder of data.
type site struct {
	dir       string
	addresses map[string]string // by name of the program
	processes map[string]*process
}

func newSite(dir string) (site, error) {
	s := site{dir, map[string]string{}, map[string]*process{}}
	for _, name := range []string{"authserver", "acme", "dreams", "ceiling", unheard} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return s, err
		}
		defer listener.Close() // all are open until all are chosen
		s.addresses[name] = listener.Addr().String()
	}
	return s, nil
}

func (s site) variables() []string {
	return []string{
		"DATA_DIR=" + s.dir, "LISTEN_ADDR=",
		"AUTHSERVER_URL=http://" + s.addresses["authserver"], "ACME_URL=http://" + s.addresses["acme"], "DREAMS_URL=http://" + s.addresses["dreams"],
	}
}

// play starts one of the servers as a process of this command.
func (s site) play(role, profile string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	variables := append(s.variables(), roleVariable+"="+role)
	switch {
	case role == "ceiling":
		variables = append(variables, "AUTHSERVER_URL=http://"+s.addresses["ceiling"])
	case role == unheard:
		variables = append(variables, "AUTHSERVER_URL=http://"+s.addresses[unheard], "DATA_DIR="+filepath.Join(s.dir, unheard), "WIRETAP=off")
	}
	if role != "ceiling" && profile != "" {
		if profile, err = filepath.Abs(profile); err != nil {
			return nil, err
		}
		variables = append(variables, profileVariable+"="+filepath.Join(profile, role+".prof"))
	}
	s.processes[role], err = start(self, s.addresses[role], variables...)
	return s.processes[role], err
}

// footprint is what a program costs before anybody asks it for anything.
type footprint struct {
	ready    time.Duration // median of five
	idle     float64       // megabytes
	afterAll float64       // megabytes after many tokens; 0: not measured
}

// starts is how often a program is started; the median counts.
const starts = 5

// measurePrograms builds the programs and starts each on a folder that was
// seeded before.
func measurePrograms(s site, tokens int64) (map[string]footprint, error) {
	bin := filepath.Join(s.dir, "bin") + string(filepath.Separator)
	build := exec.Command("go", "build", "-o", bin, "./authserver", "./acme", "./dreams")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, errors.New("the programs do not build; run this in the folder that go.mod is in")
	}
	all := map[string]footprint{}
	for _, p := range programs {
		f, err := s.measureProgram(bin+p.name, p.name, tokens)
		if err != nil {
			return nil, err
		}
		all[p.name] = f
	}
	return all, nil
}

func (s site) measureProgram(path, name string, tokens int64) (footprint, error) {
	var f footprint
	var ready []time.Duration
	for i := range 1 + starts {
		p, err := start(path, s.addresses[name], s.variables()...)
		if err != nil {
			return f, err
		}
		if i > 0 { // the first start seeds
			ready = append(ready, p.ready)
		}
		if i == starts {
			time.Sleep(time.Second)
			f.idle = p.resident()
			if name == "authserver" && tokens > 0 {
				err = side{p, clientCredentials(catalogue)}.run(16, 0, tokens).first
				f.afterAll = p.resident()
			}
		}
		p.stop()
		if err != nil {
			return f, err
		}
	}
	slices.Sort(ready)
	f.ready = ready[len(ready)/2]
	return f, nil
}

// facts is the computer that was measured.
func facts() string {
	return fmt.Sprintf("%s, %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
