package offers

import (
	"context"
	"fmt"

	"example.com/acme-dreams/internal/mail"
)

// SMTP hands letters to a mail server.
type SMTP mail.Server

// Send delivers the letter's Source: the same bytes as in the outbox.
func (s SMTP) Send(ctx context.Context, l Letter) error {
	if err := mail.Server(s).Send(ctx, senderAddress, l.Email, l.Source); err != nil {
		return fmt.Errorf("letter %s: %w", l.ID, err)
	}
	return nil
}
