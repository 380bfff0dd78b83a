// Package mail hands letters to a mail server.
package mail

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// Server is where letters are handed in.
type Server struct {
	Address string        // host:port
	Timeout time.Duration // for one letter; 0: 15 s
}

const defaultTimeout = 15 * time.Second

// Send delivers a letter as it is (RFC 5321 §3.3). A server that offers STARTTLS
// gets it encrypted, and must have a certificate that is good; one that offers
// none, such as a classroom's, gets it in the clear. An attacker on the way can
// take the offer out of the conversation: where that matters, TLS has to be
// demanded.
func (s Server) Send(ctx context.Context, from, to string, letter []byte) error {
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.send(ctx, from, to, letter); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // not the broken connection that it left behind
		}
		return fmt.Errorf("to %s: %w", s.Address, err)
	}
	return nil
}

func (s Server) send(ctx context.Context, from, to string, letter []byte) error {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	// Closing the connection is what ends a read from a server that says nothing.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return err
	}
	defer client.Close()

	if offered, _ := client.Extension("STARTTLS"); offered {
		if err := client.StartTLS(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if err := client.Mail("<" + from + ">"); err != nil {
		return err
	}
	if err := client.Rcpt("<" + to + ">"); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(letter); err != nil {
		return err
	}
	// The server's answer to the last dot is its word that it has the letter.
	if err := data.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the letter is delivered; a rude goodbye does not change that
	return nil
}
