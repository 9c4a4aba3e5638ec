package cmd

import (
	"strings"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

// credentials are those of the flags; with setting the secret is that of the settings
// where none was given.
func (c *callbackFlags) credentials(inv *invocation, setting bool) (secret.Credentials, error) {
	given, err := readCredentials(inv, "--callback-header", c.secret, c.headers)
	if setting {
		given = given.Or(secret.NewCredentials(inv.settings.Secret(config.CallbackSecret), nil))
	}
	return given, err
}

// readCredentials reads flags. From here on nothing that is printed has their secrets in
// it.
func readCredentials(inv *invocation, headerFlag, callbackSecret string, headers []string) (secret.Credentials, error) {
	c, warnings, err := task.ReadCredentials(headerFlag, callbackSecret, headers, &inv.source)
	inv.warn(warnings)
	inv.masker.Hide(c.Secrets()...)
	return c, err
}

// ticketSecrets are what must not be seen of a ticket: its credentials, and the
// unguessable end of its path.
func ticketSecrets(t webhook.Ticket) []secret.String {
	path := secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:])
	return append(secret.NewCredentials(secret.New(t.Secret), t.Header).Secrets(), path)
}
