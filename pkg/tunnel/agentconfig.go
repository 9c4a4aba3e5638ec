package tunnel

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
)

// maxAgentConfig is the size limit of an ngrok configuration file. Real ones have
// a few lines.
const maxAgentConfig = 256 << 10

// AgentConfigToken returns the authtoken of the ngrok agent ("ngrok config
// add-authtoken") and the path of the file that has it. Without such a file or
// token it is empty, without an error. env looks up the environment; goos is a
// runtime.GOOS.
//
// The places are those of https://ngrok.com/docs/agent/config: only the file that
// NGROK_CONFIG names, if it is set; else ngrok/ngrok.yml in $XDG_CONFIG_HOME or
// ~/.config, ~/Library/Application Support or %LOCALAPPDATA%, and, from before
// version 3, ~/.ngrok2/ngrok.yml. The token is agent.authtoken in version 3 of the
// file format and authtoken in version 2.
func AgentConfigToken(env func(string) string, goos string) (token secret.String, path string, err error) {
	for _, path := range agentConfigPaths(env, goos) {
		token, err := agentConfigToken(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return secret.String{}, path, fmt.Errorf("ngrok's configuration: %w", err)
		}
		if !token.Empty() {
			return token, path, nil
		}
	}
	return secret.String{}, "", nil
}

// agentConfigPaths returns where to look, best place first. It joins paths itself,
// since goos need not be the system that this runs on.
func agentConfigPaths(env func(string) string, goos string) []string {
	if path := env("NGROK_CONFIG"); path != "" {
		return []string{path}
	}
	home, sep := env("HOME"), "/"
	if goos == "windows" {
		home, sep = env("USERPROFILE"), `\`
	}
	var paths []string
	add := func(base string, elem ...string) {
		if base != "" {
			paths = append(paths, strings.Join(append([]string{base}, elem...), sep))
		}
	}
	xdg := env("XDG_CONFIG_HOME")
	switch {
	case goos == "windows":
		add(env("LOCALAPPDATA"), "ngrok", "ngrok.yml")
	case goos == "darwin":
		add(home, "Library", "Application Support", "ngrok", "ngrok.yml")
	case xdg != "":
		add(xdg, "ngrok", "ngrok.yml")
	default:
		add(home, ".config", "ngrok", "ngrok.yml")
	}
	add(home, ".ngrok2", "ngrok.yml")
	return paths
}

func agentConfigToken(path string) (secret.String, error) {
	f, err := textfile.OpenRegular(path)
	if err != nil {
		return secret.String{}, textfile.Named(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAgentConfig+1))
	if err != nil {
		return secret.String{}, err
	}
	if len(b) > maxAgentConfig {
		return secret.String{}, fmt.Errorf("%s is larger than %d bytes", path, maxAgentConfig)
	}
	// Values are nodes: these do not expand aliases, and errors do not quote them.
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return secret.String{}, fmt.Errorf("%s: %w", path, err)
	}
	var config struct {
		Agent     struct{ Authtoken yaml.Node }
		Authtoken yaml.Node
	}
	_ = doc.Decode(&config) // what has another type has no token
	return secret.New(cmp.Or(scalar(config.Agent.Authtoken), scalar(config.Authtoken))), nil
}

func scalar(n yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}
