package task

import (
	"encoding/json"
	"errors"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// Again returns the commands for a POSIX shell that send a stored request once more, without
// the address of its callback: with narada run, and with curl. Secrets in it are masked, and
// must be filled in.
func Again(request json.RawMessage, baseURL string) (run, call string, err error) {
	var r narada.Request
	members := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(request, &r), json.Unmarshal(request, &members)); err != nil {
		return "", "", err
	}
	for name := range (&File{}).fields() {
		delete(members, name)
	}
	r.Extra = members
	r.CallbackURL, r.CallbackHeaders, r.CallbackSecret = "", nil, ""
	body, err := r.MarshalJSON()
	if err != nil {
		return "", "", err
	}
	quoted := output.ShellLiteral(string(body))
	return "printf %s " + quoted + " | narada run --task -", curl(baseURL, quoted), nil
}
