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

// The parts of a request that have a file of their own or stand in a task file,
// alike in both.

// checkServers checks MCP servers and resolves their secrets.
func (w *written) checkServers(list []narada.MCPServer) error {
	for i := range list {
		if err := w.checkServer(&list[i]); err != nil {
			return fmt.Errorf("server %d: %w", i+1, err)
		}
	}
	return nil
}

func (w *written) checkServer(server *narada.MCPServer) error {
	if u, err := url.Parse(server.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("url: %q is not a URL", server.URL)
	} else if u.User != nil {
		return errors.New("url: there is a user name or password in it; use authentication")
	} else if u.RawQuery != "" { // it may have a key in it
		w.plan.Secrets = append(w.plan.Secrets, secret.New(u.RawQuery))
	}
	auth := &server.Authentication
	var err error
	switch auth.Type {
	case "":
		auth.Type = "none"
		fallthrough
	case "none":
		if auth.BearerToken != "" || auth.CustomHeaders != nil {
			return fmt.Errorf("authentication: a token or headers, and the type is none")
		}
	case "bearer-token":
		if auth.BearerToken == "" || auth.CustomHeaders != nil {
			return fmt.Errorf("authentication: bearer-token has a bearerToken, and no more")
		}
		if auth.BearerToken, err = w.secret(auth.BearerToken); err != nil {
			return fmt.Errorf("authentication: bearerToken: %w", err)
		}
	case "custom-headers":
		if len(auth.CustomHeaders) == 0 || auth.BearerToken != "" {
			return fmt.Errorf("authentication: custom-headers has customHeaders, and no more")
		}
		for i := range auth.CustomHeaders {
			header := &auth.CustomHeaders[i]
			if header.Value, err = w.secret(header.Value); err != nil {
				return fmt.Errorf("authentication: customHeaders: %s: %w", header.Key, err)
			}
			if err := checkHeader(header.Key, header.Value); err != nil {
				return fmt.Errorf("authentication: customHeaders: %w", err)
			}
		}
	default:
		return fmt.Errorf("authentication: the type %q is not none, bearer-token or custom-headers", auth.Type)
	}
	return nil
}

func checkHistory(list []narada.ChatMessage) error {
	for i, message := range list {
		if message.Role != "user" && message.Role != "assistant" {
			return fmt.Errorf("message %d: the role %q is not user or assistant", i+1, message.Role)
		}
		if message.Content == "" {
			return fmt.Errorf("message %d: there is no content", i+1)
		}
	}
	return nil
}

// resolveCredentials resolves the secrets of services.
func (w *written) resolveCredentials(services map[string]map[string]string) error {
	known := []string{"salesforce", "jira"}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if !slices.Contains(known, name) {
			w.plan.warn(fmt.Sprintf("the credentials for %q are sent as they are: the services that narada knows are salesforce and jira%s", name, near(name, known)))
		}
		if err := w.secrets(services[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// documents are --mcp, --chat-history and --credentials.
func (s Spec) documents(p *Plan, source *secret.Source) error {
	r := p.Request
	for _, one := range []struct {
		flag, path string
		into       any
		check      func(*written) error
	}{
		{"--mcp", s.MCP, &r.MCPServers, func(w *written) error { return w.checkServers(r.MCPServers) }},
		{"--chat-history", s.ChatHistory, &r.ChatHistory, func(*written) error { return checkHistory(r.ChatHistory) }},
		{"--credentials", s.Credentials, &r.Credentials, func(w *written) error { return w.resolveCredentials(r.Credentials) }},
	} {
		if one.path == "" {
			continue
		}
		doc, from, err := readDocument(one.path, source)
		if err != nil {
			return inputError("", "%s: %v", one.flag, err)
		}
		w := &written{disk: from, source: source, allowEnv: s.AllowEnv, plan: p}
		if one.flag != "--mcp" { // of which null stands for what is left out
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
