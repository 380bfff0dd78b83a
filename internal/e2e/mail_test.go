package e2e

import (
	"bytes"
	"io"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// postOffice is a mail server that keeps what it gets.
type postOffice struct {
	address string
	mu      sync.Mutex
	got     []delivery
}

// delivery is a letter with its envelope (RFC 5321 §2.3.1).
type delivery struct {
	from string
	to   []string
	data []byte
}

func openPostOffice(t testing.TB) *postOffice {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	office := &postOffice{address: listener.Addr().String()}
	server := smtp.NewServer(office)
	server.Domain = "mail.test"
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return office
}

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{office: p}, nil
}

func (p *postOffice) letters() []delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

type mailSession struct {
	office *postOffice
	delivery
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = append(s.to, to); return nil }
func (s *mailSession) Reset()                                      { s.delivery = delivery{} }
func (s *mailSession) Logout() error                               { return nil }

func (s *mailSession) Data(r io.Reader) (err error) {
	if s.data, err = io.ReadAll(r); err != nil {
		return err
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	s.office.got = append(s.office.got, s.delivery)
	return nil
}

// RFC 5322 §2.2, RFC 2047: whatever somebody is called, a letter has the headers of a
// letter, one reader, and the name as a name.
func TestANameAddsNoHeaderToALetter(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ name, read string }{
		"a line end":      {"Alice\r\nBcc: everybody@acme.test\r\n\r\n<p>body</p>", "Alice Bcc: everybody@acme.test <p>body</p>"},
		"quotes":          {`"Alice" <root@acme.test>, Bob <bob@acme.test>`, `"Alice" <root@acme.test>, Bob <bob@acme.test>`},
		"a backslash":     {`Alice\`, `Alice\`},
		"an encoded word": {"=?utf-8?q?Alice=0D=0ABcc:_x@acme.test?=", "=?utf-8?q?Alice=0D=0ABcc:_x@acme.test?="},
		"long":            {strings.Repeat("Ålice ", 60), strings.Repeat("Ålice ", 15) + "Ålice…"},
		"a separator":     {"Alice\u2028Bcc: x@acme.test\u0085Bcc: y@acme.test", ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			office := openPostOffice(t)
			quoted := "'" + strings.ReplaceAll(c.name, "'", "''") + "'"
			w := New(t, Options{Env: map[string]string{"SMTP_URL": "smtp://" + office.address}, SQL: map[string][]string{
				"authserver": {"UPDATE users SET name = " + quoted + " WHERE username = 'alice'"},
				"acme":       {"UPDATE profiles SET name = " + quoted + " WHERE email = 'alice@acme.test'"},
			}})
			w.connected(t)
			waitFor(t, 15*time.Second, "a letter", func() bool { return len(office.letters()) > 0 })
			all := office.letters()
			if len(all) != 1 || !slices.Equal(all[0].to, []string{"alice@acme.test"}) || all[0].from != "letters@dreams.test" {
				t.Fatalf("%d letters: %+v", len(all), all)
			}
			for i, line := range bytes.Split(all[0].data, []byte("\r\n")) {
				if len(line) > 998 || bytes.ContainsAny(line, "\r\n") { // RFC 5322 §2.1.1
					t.Errorf("line %d: %.80q", i, line)
				}
			}
			letter, err := mail.ReadMessage(bytes.NewReader(all[0].data))
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range letter.Header {
				if !slices.Contains([]string{"From", "To", "Subject", "Message-Id", "Date", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "Mime-Version", "Content-Type"}, name) || len(values) != 1 {
					t.Errorf("a header of %s: %q", what, name)
				}
			}
			to, err := letter.Header.AddressList("To")
			if err != nil || len(to) != 1 || to[0].Address != "alice@acme.test" {
				t.Fatalf("To is %q: %v", letter.Header.Get("To"), err)
			}
			if strings.ContainsAny(to[0].Name, "\r\n\u2028\u0085") || (c.read != "" && to[0].Name != c.read) {
				t.Errorf("the name is read as %q", to[0].Name)
			}
		})
	}
}
