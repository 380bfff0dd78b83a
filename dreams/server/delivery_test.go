package server_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"example.com/acme-dreams/internal/environment"
)

// mailServer takes every letter.
type mailServer struct {
	mu    sync.Mutex
	taken []string
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error)    { return m, nil }
func (m *mailServer) Mail(from string, opts *smtp.MailOptions) error { return nil }
func (m *mailServer) Rcpt(to string, opts *smtp.RcptOptions) error   { return nil }
func (m *mailServer) Reset()                                         {}
func (m *mailServer) Logout() error                                  { return nil }
func (m *mailServer) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken = append(m.taken, string(message))
	return err
}

func (m *mailServer) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.taken)
}

func TestLetterGoesToTheMailServerOnce(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{}
	mail := smtp.NewServer(m)
	go mail.Serve(listener)
	t.Cleanup(func() { mail.Close() })
	w.env.SMTPURL = environment.SMTPServer(listener.Addr().String())
	w.restart()

	stopped, reads := w.browser(), w.browser()
	stopped.connect()
	stopped.get("/offers")
	stopped.post("/unsubscribe?token="+w.unsubscribeToken(), nil).has(t, 200, "No more letters")
	w.as.set(func() { w.as.sub = "u_bob" })
	reads.connect()
	reads.get("/offers")

	for range 2 { // the second time there is nothing left to send
		w.work(func() bool { return w.count(`SELECT count(*) FROM letters WHERE delivered_at IS NOT NULL`) == 1 })
	}
	if m.count() != 1 {
		t.Fatalf("%d letters arrived, want that of the one who did not stop them", m.count())
	}
	if !strings.Contains(m.taken[0], "List-Unsubscribe-Post: List-Unsubscribe=One-Click") {
		t.Error("not the letter from the outbox")
	}
	reads.get("/outbox").has(t, 200, "handed to the mail server")
}

// unsubscribeToken is the one in the only letter.
func (w *world) unsubscribeToken() string {
	w.t.Helper()
	_, token, _ := strings.Cut(w.text(`SELECT document ->> 'unsubscribe' FROM letters`), "token=")
	return token
}
