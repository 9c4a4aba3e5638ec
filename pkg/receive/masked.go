package receive

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Tickets issues tickets: a Server or a Remote.
type Tickets interface {
	Issue() (webhook.Ticket, error)
	URL(webhook.Ticket) string
	Withdraw(webhook.Ticket)
}

// Masked masks the secrets of the tickets that it issues, until long after they are
// withdrawn.
type Masked struct {
	Tickets
	Masker *secret.Masker
}

// Issue issues a ticket.
func (m *Masked) Issue() (webhook.Ticket, error) {
	t, err := m.Tickets.Issue()
	m.Masker.Hide(TicketSecrets(t)...)
	return t, err
}

// Withdraw withdraws a ticket.
func (m *Masked) Withdraw(t webhook.Ticket) {
	m.Tickets.Withdraw(t)
	m.Masker.Forget(TicketSecrets(t)...)
}

// TicketSecrets returns the secrets of a ticket: its credentials and the end of its path.
func TicketSecrets(t webhook.Ticket) []secret.String {
	path := secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:])
	return append(secret.NewCredentials(secret.New(t.Secret), t.Header).Secrets(), path)
}

// maskResults returns a sink that masks the result of each callback before next gets it.
// Header and Body stay as received: a repeat is recognized by them, and a target may check
// them.
func maskResults(m *secret.Masker, next webhook.Sink) webhook.Sink {
	if m == nil {
		return next
	}
	return webhook.SinkFunc(func(ctx context.Context, d webhook.Delivery) error {
		shown := shownCredentials(d)
		m.Hide(shown...)
		defer m.Forget(shown...)
		doc, err := d.Result.BodyWithSecret("")
		if err != nil {
			return err
		}
		if masked := m.MaskJSON(doc); !bytes.Equal(masked, doc) {
			// An answer must not be lost, as if a secret were a part of its request ID; what
			// prints it masks it again.
			if r, _, err := narada.ParseCallback(masked); err == nil && r.RequestID == d.Result.RequestID && r.Status == d.Result.Status {
				d.Result = r
			}
		}
		return next.Deliver(ctx, d)
	})
}

// shownCredentials returns the credentials of a verified callback of whose ticket only the
// digest is known here.
func shownCredentials(d webhook.Delivery) []secret.String {
	if d.Ticket.Secret != "" {
		return nil
	}
	_, value, _ := narada.ParseCallback(d.Body) // it has been verified
	header := http.Header{}
	for name := range d.Ticket.Header {
		header[name] = d.Header.Values(name)
	}
	return secret.NewCredentials(secret.New(value), header).Secrets()
}
