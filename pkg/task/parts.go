package task

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

// servers checks MCP servers and resolves their secrets.
func (w *written) servers(list []narada.MCPServer) ([]narada.MCPServer, error) {
	list = slices.Clone(list)
	for i := range list {
		if err := w.checkURL(list[i].URL); err != nil {
			return nil, fmt.Errorf("server %d: url: %w", i+1, err)
		}
		if err := w.authentication(&list[i].Authentication); err != nil {
			return nil, fmt.Errorf("server %d: authentication: %w", i+1, err)
		}
	}
	return list, nil
}

// minQuerySecret is the length in bytes of a value in a query from which it may be a key.
const minQuerySecret = 8

// checkURL checks the URL of an MCP server. Errors omit it, since it may contain a key;
// its query is a secret.
func (w *written) checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("not an http or https URL")
	case u.User != nil:
		return errors.New("user name and password are not allowed; use authentication")
	case u.RawQuery != "":
		w.plan.hide(secret.New(u.RawQuery))
		for _, values := range u.Query() {
			for _, value := range values {
				if len(value) >= minQuerySecret {
					w.plan.hide(secret.New(value))
				}
			}
		}
	}
	return nil
}

// authentication checks an MCP server's authentication and resolves its secrets.
func (w *written) authentication(auth *narada.MCPAuthentication) (err error) {
	switch auth.Type {
	case "":
		auth.Type = "none"
		fallthrough
	case "none":
		if auth.BearerToken != "" || auth.CustomHeaders != nil {
			return errors.New("type none takes no token and no headers")
		}
	case "bearer-token":
		if auth.BearerToken == "" || auth.CustomHeaders != nil {
			return errors.New("type bearer-token requires bearerToken and nothing else")
		}
		if auth.BearerToken, err = w.secret(auth.BearerToken); err != nil {
			return fmt.Errorf("bearerToken: %w", err)
		}
	case "custom-headers":
		if len(auth.CustomHeaders) == 0 || auth.BearerToken != "" {
			return errors.New("type custom-headers requires customHeaders and nothing else")
		}
		auth.CustomHeaders = slices.Clone(auth.CustomHeaders)
		for i := range auth.CustomHeaders {
			header := &auth.CustomHeaders[i]
			if header.Value, err = w.secret(header.Value); err != nil {
				return fmt.Errorf("customHeaders: %s: %w", header.Key, err)
			}
			if err := secret.CheckHeader(header.Key, header.Value); err != nil {
				return fmt.Errorf("customHeaders: %w", err)
			}
		}
	default:
		return fmt.Errorf("the type %q is not none, bearer-token or custom-headers", auth.Type)
	}
	return nil
}

func checkHistory(list []narada.ChatMessage) error {
	for i, message := range list {
		if message.Role != "user" && message.Role != "assistant" {
			return fmt.Errorf("message %d: the role %q is not user or assistant", i+1, message.Role)
		}
		if message.Content == "" {
			return fmt.Errorf("message %d: content is missing", i+1)
		}
	}
	return nil
}

// credentials resolves the credentials of services.
func (w *written) credentials(services map[string]map[string]string) (map[string]map[string]string, error) {
	known := []string{"salesforce", "jira"}
	resolved := map[string]map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if !slices.Contains(known, name) {
			w.plan.warn(fmt.Sprintf("credentials for the unknown service %q are sent unchanged; known services: salesforce, jira%s", name, near(name, known)))
		}
		var err error
		if resolved[name], err = w.secrets(services[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return resolved, nil
}

// documents applies --mcp, --chat-history and --credentials.
func (s Spec) documents(p *Plan, source *secret.Source) error {
	r := p.Request
	for _, one := range []struct {
		flag, path string
		into       any
		check      func(*written) error
	}{
		{"--mcp", s.MCP, &r.MCPServers, func(w *written) (err error) { r.MCPServers, err = w.servers(r.MCPServers); return err }},
		{"--chat-history", s.ChatHistory, &r.ChatHistory, func(*written) error { return checkHistory(r.ChatHistory) }},
		{"--credentials", s.Credentials, &r.Credentials, func(w *written) (err error) {
			r.Credentials, err = w.credentials(r.Credentials)
			return err
		}},
	} {
		if one.path == "" {
			continue
		}
		doc, from, err := readDocument(one.path, source)
		if err != nil {
			return inputError("", "%s: %v", one.flag, err)
		}
		w := &written{disk: from, source: source, allowEnv: s.AllowEnv, plan: p}
		if one.flag != "--mcp" { // where null means omitted
			err = refuseNulls(doc)
		}
		if err == nil {
			err = decode(doc, one.into)
		}
		if err == nil {
			err = one.check(w)
		}
		if err != nil {
			return inputError("", "%s: %s: %v", one.flag, one.path, err)
		}
	}
	return nil
}
