package receive

import (
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Masked is a Server that masks the secrets of its tickets, until long after they are
// withdrawn.
type Masked struct {
	*Server
	Masker *secret.Masker
}

// Issue issues a ticket.
func (m *Masked) Issue() (webhook.Ticket, error) {
	t, err := m.Server.Issue()
	m.Masker.Hide(TicketSecrets(t)...)
	return t, err
}

// Withdraw withdraws a ticket.
func (m *Masked) Withdraw(t webhook.Ticket) {
	m.Server.Withdraw(t)
	m.Masker.Forget(TicketSecrets(t)...)
}

// TicketSecrets returns the secrets of a ticket: its credentials and the end of its path.
func TicketSecrets(t webhook.Ticket) []secret.String {
	path := secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:])
	return append(secret.NewCredentials(secret.New(t.Secret), t.Header).Secrets(), path)
}
