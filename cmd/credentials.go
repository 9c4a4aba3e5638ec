package cmd

import (
	"strings"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

// credentials returns those of the flags. With setting, the secret defaults to that of
// the settings.
func (c *callbackFlags) credentials(inv *invocation, setting bool) (secret.Credentials, error) {
	given, err := readCredentials(inv, "--callback-header", c.secret, c.headers)
	if setting {
		given = given.Or(secret.NewCredentials(inv.settings.Secret(config.CallbackSecret), nil))
	}
	return given, err
}

// readCredentials reads flags, and masks their secrets from now on.
func readCredentials(inv *invocation, headerFlag, callbackSecret string, headers []string) (secret.Credentials, error) {
	c, warnings, err := task.ReadCredentials(headerFlag, callbackSecret, headers, &inv.source)
	inv.warnOfTask(warnings)
	inv.masker.Hide(c.Secrets()...)
	return c, err
}

// ticketSecrets returns the secrets of a ticket: its credentials and the end of its path.
func ticketSecrets(t webhook.Ticket) []secret.String {
	path := secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:])
	return append(secret.NewCredentials(secret.New(t.Secret), t.Header).Secrets(), path)
}
