package ngroktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// A policy allows only requests of one method under one path. The zero policy allows
// all.
type policy struct {
	method, prefix string
	status         int
}

// only is the one supported expression, in ngrok's CEL dialect
// (https://ngrok.com/docs/traffic-policy/expressions).
func only() *regexp.Regexp {
	return regexp.MustCompile(`^req\.method != '([A-Z]+)' \|\| !req\.url\.path\.startsWith\('([^'\\]*)'\)$`)
}

// parsePolicy parses a traffic policy document in JSON. Anything that the Edge cannot
// enforce is an error, so that no test passes by mistake.
func parsePolicy(doc string) (*policy, error) {
	if doc == "" {
		return &policy{}, nil
	}
	var parsed struct {
		OnHTTPRequest []struct {
			Name        string   `json:"name"`
			Expressions []string `json:"expressions"`
			Actions     []struct {
				Type   string `json:"type"`
				Config struct {
					StatusCode int `json:"status_code"`
				} `json:"config"`
			} `json:"actions"`
		} `json:"on_http_request"`
	}
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&parsed); err != nil {
		return nil, fmt.Errorf("ngroktest: traffic policy: %w", err)
	}
	rules := parsed.OnHTTPRequest
	if len(rules) != 1 || len(rules[0].Expressions) != 1 || len(rules[0].Actions) != 1 || rules[0].Actions[0].Type != "deny" {
		return nil, fmt.Errorf("ngroktest: traffic policy: expected a single rule with one expression and one deny action")
	}
	m := only().FindStringSubmatch(rules[0].Expressions[0])
	if m == nil {
		return nil, fmt.Errorf("ngroktest: traffic policy: unsupported expression: %s", rules[0].Expressions[0])
	}
	p := &policy{method: m[1], prefix: m[2], status: rules[0].Actions[0].Config.StatusCode}
	if p.status == 0 {
		p.status = http.StatusForbidden // ngrok's default for deny
	}
	return p, nil
}

// denies reports whether the policy refuses r.
func (p *policy) denies(r *http.Request) bool {
	return p.status != 0 && (r.Method != p.method || !strings.HasPrefix(r.URL.Path, p.prefix))
}
