package receive

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
)

func TestSecretsOfATicketAreMaskedAndForgottenLater(t *testing.T) {
	e, err := OpenTunnel(t.Context(), tunnel.Config{Loopback: true, PathPrefix: Prefix}, OpenLimit)
	if err != nil {
		t.Fatal(err)
	}
	masker := secret.NewMasker()
	m := &Masked{Server: Open(e, Options{Random: rand.Reader}), Masker: masker}
	defer m.Close()
	ticket, err := m.Issue()
	if err != nil {
		t.Fatal(err)
	}
	text := ticket.Path + " " + ticket.Secret + " " + ticket.Header.Get("Authorization")
	masked := masker.Mask(text)
	for _, s := range TicketSecrets(ticket) {
		if strings.Contains(masked, s.Reveal()) {
			t.Errorf("%q has %q", masked, s.Reveal())
		}
	}
	m.Withdraw(ticket)
	for range 1000 { // a masker forgets late
		later, err := m.Issue()
		if err != nil {
			t.Fatal(err)
		}
		m.Withdraw(later)
	}
	if got := masker.Mask(text); got != text {
		t.Errorf("long after it was withdrawn, it is still masked: %q", got)
	}
}
