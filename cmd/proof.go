package cmd

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
)

// proof is what a callback shows to prove its sender.
type proof struct {
	secret string // "": none
	header http.Header

	hidden []secret.String // of those, what must not be seen
}

// proof resolves the flags; the secret is that of the settings where none was given.
func (inv *invocation) proof(c *callbackFlags) (p proof, err error) {
	value := inv.settings.Secret(config.CallbackSecret)
	if c.secret != "" {
		if value, err = inv.source.Resolve(c.secret); err != nil {
			return p, usageError("", "--callback-secret: %v", err)
		}
	}
	p.secret, p.hidden = value.Reveal(), append(p.hidden, value)
	header, hidden, err := inv.headers("--callback-header", c.headers)
	p.header, p.hidden = header, append(p.hidden, hidden...)
	return p, err
}

// hideForms hides the values in what the program prints: as they are, without the
// scheme of a header, and as JSON writes them.
func hideForms(inv *invocation, values []secret.String) {
	for _, v := range values {
		for _, text := range []string{v.Reveal(), strings.TrimPrefix(v.Reveal(), "Bearer ")} {
			plain, err := output.EncodeJSON(text)
			escaped, _ := json.Marshal(text)
			if err != nil || text == "" {
				continue
			}
			inv.redactor.Hide(secret.New(text), secret.New(string(plain[1:len(plain)-1])), secret.New(string(escaped[1:len(escaped)-1])))
		}
	}
}

// headers resolves the headers of a flag; hidden are those values that must not be
// seen.
func (inv *invocation) headers(flag string, list []string) (header http.Header, hidden []secret.String, err error) {
	headers, err := task.ParseHeaders(flag, list, &inv.source)
	if err != nil {
		return nil, nil, err
	}
	inv.warn(headers.Warnings)
	header = http.Header{}
	for name, value := range headers.Values {
		header.Set(name, value)
	}
	for _, ref := range headers.References {
		hidden = append(hidden, ref.Value)
	}
	return header, hidden, nil
}
