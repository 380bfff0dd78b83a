// Package cli is Dreams on the command line: a native app (RFC 8252). It has no
// secret, sends the person to their own browser, and listens on a loopback port
// for the answer.
//
//	cli.go       the commands
//	login.go     the authorization code grant with PKCE, on a loopback port
//	keep.go      where the tokens are between two commands
package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/travelapi"
	"example.com/acme-dreams/internal/backchannel"
	"example.com/acme-dreams/internal/environment"
)

// ClientID is who the program is to the authorization server. Everybody has the
// program, so there is no secret that could prove it (RFC 8252 §8.5).
const ClientID = "dreams-cli"

// Scopes is what the program asks for.
var Scopes = []string{"openid", "profile", "preferences:read", "packages:read", "reviews:read", "offline_access"}

const usage = "usage: dreams login | whoami | packages [-tag TAG] | logout"

// The exit statuses.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// Program is the command line, composed.
type Program struct {
	Env    environment.Environment
	Folder string // where the tokens are kept
	Back   http.RoundTripper
	Now    func() time.Time
	Random io.Reader
	Open   func(address string) error // opens the person's browser
	Out    io.Writer
	Err    io.Writer
}

var commands = map[string]func(*Program, context.Context, []string) error{
	"login": (*Program).login, "logout": (*Program).logout, "whoami": (*Program).whoami, "packages": (*Program).packages,
}

// Main runs a command and returns its exit status.
func Main(args []string) int {
	variables := map[string]string{}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	env, err := environment.Parse(variables)
	if err != nil {
		return complain(os.Stderr, misuse, err)
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return complain(os.Stderr, failed, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &Program{
		Env: env, Folder: filepath.Join(folder, "acme-dreams"), Back: backchannel.Transport(env),
		Now: time.Now, Random: rand.Reader, Open: openBrowser, Out: os.Stdout, Err: os.Stderr,
	}
	return p.Run(ctx, args)
}

// misused is a command that cannot be understood.
type misused struct{ words string }

func (m misused) Error() string { return m.words }

// Run runs a command.
func (p *Program) Run(ctx context.Context, args []string) int {
	if len(args) == 0 || commands[args[0]] == nil {
		return complain(p.Err, misuse, misused{usage})
	}
	err := commands[args[0]](p, ctx, args[1:])
	var wrong misused
	switch {
	case err == nil:
		return done
	case errors.As(err, &wrong):
		return complain(p.Err, misuse, err)
	case errors.Is(err, flow.ErrEnded):
		err = errors.New("you are not logged in any more, the permission has ended: run dreams login")
	}
	return complain(p.Err, failed, err)
}

// complain says what is wrong in one line.
func complain(to io.Writer, status int, err error) int {
	fmt.Fprintf(to, "dreams: %s\n", clean(strings.ReplaceAll(err.Error(), "\n", "; ")))
	return status
}

// clean leaves out what a terminal would obey: titles and descriptions come from
// elsewhere.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

func none(args []string) error {
	if len(args) > 0 {
		return misused{fmt.Sprintf("%q is too much; %s", args[0], usage)}
	}
	return nil
}

func (p *Program) server() *flow.AuthorizationServer {
	return flow.NewAuthorizationServer(p.Env.AuthserverURL.String(), p.Back)
}

func (p *Program) client() flow.Client { return flow.Client{ID: ClientID} }

func (p *Program) keeper() *keeper {
	return &keeper{path: filepath.Join(p.Folder, "credentials.json"), issuer: p.Env.AuthserverURL.String()}
}

// tokens hands out the access token that is kept, refreshed where it has to be.
func (p *Program) tokens(server *flow.AuthorizationServer) *lockedTokens {
	kept := p.keeper()
	refresh := &flow.RefreshToken{
		Server: server, Client: p.client(), Connections: kept, Now: p.Now,
		Revocation: &flow.Revocation{Server: server, Client: p.client()},
	}
	return &lockedTokens{kept, refresh.Source("")}
}

func (p *Program) acme(tokens travelapi.Tokens) travelapi.Client {
	return travelapi.Client{BaseURL: p.Env.AcmeURL.String(), Back: p.Back, Tokens: tokens}
}

// whoami asks both servers: the one that knows the account, and the one that has
// the data.
func (p *Program) whoami(ctx context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	kept, err := p.keeper().read()
	if err != nil {
		return err
	}
	server := p.server()
	tokens := p.tokens(server)
	access, err := tokens.AccessToken(ctx)
	if err != nil {
		return err
	}
	who, err := server.UserInfo(ctx, access, kept.Subject)
	if err != nil {
		return err
	}
	me, err := p.acme(tokens).Me(ctx)
	if err != nil {
		return err
	}
	if me.Subject != who.Subject {
		return errors.New("the API and the accounts of Acme speak of two different people")
	}
	w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n", clean(me.Name))
	fmt.Fprintf(w, "sub\t%s\nissuer\t%s\nscope\t%s\n", clean(who.Subject), who.Issuer, clean(strings.Join(kept.Tokens.Scope, " ")))
	return w.Flush()
}

// packages lists what Acme sells.
func (p *Program) packages(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	tag := flags.String("tag", "", "")
	if err := flags.Parse(args); err != nil {
		return misused{err.Error() + "; " + usage}
	}
	if err := none(flags.Args()); err != nil {
		return err
	}
	all, err := p.acme(p.tokens(p.server())).Packages(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	for _, one := range all {
		if *tag != "" && !slices.Contains(one.Tags, *tag) {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d nights\t%s\n", clean(one.ID), clean(one.Title), one.Nights, clean(one.Price.String()))
	}
	return w.Flush()
}

// logout forgets the tokens and gives them back (RFC 7009 §2.1).
func (p *Program) logout(ctx context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	kept, err := p.keeper().read()
	if err != nil {
		return err
	}
	if err := p.keeper().EndConnection(ctx, "", ""); err != nil {
		return err
	}
	revocation := &flow.Revocation{Server: p.server(), Client: p.client()}
	if err := revocation.Revoke(ctx, kept.Tokens); err != nil {
		return fmt.Errorf("forgotten here, but not given back (%w): remove it at %s/account/apps", err, p.Env.AuthserverURL)
	}
	fmt.Fprintln(p.Out, "Logged out. The tokens are forgotten here and void at Acme.")
	return nil
}
