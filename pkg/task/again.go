package task

import (
	"bytes"
	"encoding/json"

	"github.com/narada-cli/narada/pkg/output"
)

// Again returns the commands for a POSIX shell that send a request as it was stored once
// more: with narada run, without the address of its callback, and with curl. Secrets in it
// are masked, and must be filled in.
func Again(request json.RawMessage, baseURL string) (run, call string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil {
		return "", "", err
	}
	callback := []string{"callbackUrl", "callbackHeaders", "callbackSecret"}
	for _, name := range callback {
		delete(members, name)
	}
	body, err := json.Marshal(members)
	if err != nil {
		return "", "", err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, request); err != nil {
		return "", "", err
	}
	return "printf %s " + output.ShellLiteral(string(body)) + " | narada run --task -", curl(baseURL, output.ShellLiteral(compact.String())), nil
}
