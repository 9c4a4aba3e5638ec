package task

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// Delimiters of shell variables until the body is quoted, from Unicode's private use area.
const (
	variableStart = "\ue000"
	variableEnd   = "\ue001"
)

// Curl returns the request as a curl command for a POSIX shell. Secrets and keys of
// uploads are environment variables: the variable that a secret comes from, else NARADA_
// and its place in the request; for an upload, Upload.Key. names lists the variables except
// NARADA_API_KEY.
//
// A value becomes part of a JSON string: quotation marks and backslashes in it must be
// escaped.
func (p *Plan) Curl(baseURL string) (command string, names []string, err error) {
	seen := map[string]string{} // value by name
	variable := func(name, value string) string {
		name = unique(name, value, seen)
		if _, known := seen[name]; !known {
			seen[name] = value
			names = append(names, name)
		}
		return variableStart + name + variableEnd
	}
	for _, u := range p.Uploads {
		u.Done(&narada.Uploaded{Key: variable(u.key, u.key), Filename: u.Name, MIMEType: u.MIMEType})
	}
	body, err := p.Request.WithSecrets(func(place, value string) string {
		name := p.references[value].Variable()
		if !isShellName(name) {
			name = "NARADA_" + shellName(place)
		}
		return variable(name, value)
	}).MarshalJSON()
	if err != nil {
		return "", nil, err
	}
	quoted := output.ShellLiteral(string(body))
	for name := range seen {
		quoted = strings.ReplaceAll(quoted, variableStart+name+variableEnd, `'"$`+name+`"'`)
	}
	return curl(baseURL, quoted), names, nil
}

// curl returns the call with that body, which is quoted for a shell.
func curl(baseURL, quoted string) string {
	return fmt.Sprintf(`curl --fail-with-body -X POST %s \
  -H 'Content-Type: application/json' \
  -H "x-api-key: $NARADA_API_KEY" \
  --data-raw %s`, output.ShellLiteral(baseURL+"/remote-dispatch"), quoted)
}

// isShellName reports whether name can be a variable in a shell.
func isShellName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name)
}

// shellName returns a variable's name for a place: SECRET_VARIABLES_PW for
// secretVariables.pw.
func shellName(place string) string {
	place = regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(place, "${1}_$2")
	return strings.ToUpper(regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(place, "_"))
}

// unique numbers a name that another value already has.
func unique(name, value string, seen map[string]string) string {
	candidate := name
	for n := 2; ; n++ {
		if other, taken := seen[candidate]; !taken || other == value {
			return candidate
		}
		candidate = fmt.Sprintf("%s_%d", name, n)
	}
}
