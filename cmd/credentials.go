package cmd

import (
	"strings"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

// credentials are those of the flags, with the secret of the settings where none was
// given.
func (inv *invocation) credentials(c *callbackFlags) (secret.Credentials, error) {
	return inv.readCredentials("--callback-header", c.secret, c.headers, secret.NewCredentials(inv.settings.Secret(config.CallbackSecret), nil))
}

// readCredentials reads flags, and takes what they do not give from others. From here
// on nothing that is printed has their secrets in it.
func (inv *invocation) readCredentials(headerFlag, callbackSecret string, headers []string, others secret.Credentials) (secret.Credentials, error) {
	c, warnings, err := task.ReadCredentials(headerFlag, callbackSecret, headers, &inv.source)
	if err != nil {
		return c, err
	}
	inv.warn(warnings)
	c = c.Or(others)
	inv.redactor.Hide(c.Secrets()...)
	return c, nil
}

// ticketWith is the ticket with the credentials, as far as there are any, instead of
// its own random ones.
func ticketWith(t webhook.Ticket, c secret.Credentials) webhook.Ticket {
	c = c.Or(credentialsOf(t))
	t.Header, t.Secret = c.Header(), c.Secret().Reveal()
	return t
}

// credentialsOf are those that the ticket asks for.
func credentialsOf(t webhook.Ticket) secret.Credentials {
	return secret.NewCredentials(secret.New(t.Secret), t.Header)
}

// ticketSecrets are what must not be seen of a ticket: its credentials, and the
// unguessable end of its path.
func ticketSecrets(t webhook.Ticket) []secret.String {
	return append(credentialsOf(t).Secrets(), secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:]))
}

// answerText is what an endpoint has answered, without what it repeats of what it was
// shown.
func (inv *invocation) answerText(a deliver.Attempt) string {
	if a.CutOff() {
		return inv.redactor.MaskStart(string(a.Answer))
	}
	return inv.redactor.Mask(string(a.Answer))
}
