package offers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailbox is an SMTP server that keeps what it gets.
type mailbox struct {
	from, to string
	data     []byte
	refuse   bool
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }

func (m *mailbox) Mail(from string, _ *smtp.MailOptions) error { m.from = from; return nil }
func (m *mailbox) Reset()                                      {}
func (m *mailbox) Logout() error                               { return nil }

func (m *mailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	if m.refuse {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody of that name"}
	}
	m.to = to
	return nil
}

func (m *mailbox) Data(r io.Reader) (err error) {
	m.data, err = io.ReadAll(r)
	return err
}

func serve(t *testing.T, m *mailbox) SMTP {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(m)
	server.Domain = "mail.test"
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return SMTP{Address: listener.Addr().String(), Timeout: 5 * time.Second}
}

func TestTheServerGetsTheBytesOfTheOutbox(t *testing.T) {
	var box mailbox
	l := letterTo(t, material(t, "alice", everything...))
	if err := serve(t, &box).Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if box.from != "letters@dreams.test" || box.to != "alice@acme.test" {
		t.Errorf("from %q to %q", box.from, box.to)
	}
	if !bytes.Equal(box.data, l.Source) {
		t.Errorf("the server got\n%q\nthe outbox has\n%q", box.data, l.Source)
	}
}

// RFC 5321 §4.5.2: a line that is a dot ends the letter, unless it is doubled.
func TestALineWithADotDoesNotEndTheLetter(t *testing.T) {
	var box mailbox
	l := letterTo(t, material(t, "alice", everything...))
	l.Source = []byte("Subject: dots\r\n\r\n.\r\n..\r\n.end\r\n")
	if err := serve(t, &box).Send(t.Context(), l); err != nil || !bytes.Equal(box.data, l.Source) {
		t.Errorf("got %q, %v", box.data, err)
	}
}

func TestARefusalIsAnError(t *testing.T) {
	box := mailbox{refuse: true}
	err := serve(t, &box).Send(t.Context(), letterTo(t, material(t, "alice", everything...)))
	if err == nil || !strings.Contains(err.Error(), "nobody of that name") || box.data != nil {
		t.Errorf("error %v, data %q", err, box.data)
	}
}

func TestAnAddressCannotAddACommand(t *testing.T) {
	var box mailbox
	l := letterTo(t, material(t, "alice", everything...))
	l.Email = "alice@acme.test>\r\nRCPT TO:<bob@acme.test"
	if err := serve(t, &box).Send(t.Context(), l); err == nil || box.to != "" {
		t.Errorf("error %v, to %q", err, box.to)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := letterTo(t, material(t, "alice", everything...))

	start := time.Now()
	err = SMTP{Address: listener.Addr().String(), Timeout: 50 * time.Millisecond}.Send(t.Context(), l)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := (SMTP{Address: listener.Addr().String()}).Send(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNoServerIsAnError(t *testing.T) {
	for _, address := range []string{"127.0.0.1:1", "no-port", ""} {
		if err := (SMTP{Address: address, Timeout: time.Second}).Send(t.Context(), Letter{}); err == nil {
			t.Errorf("%q: delivered", address)
		}
	}
}
