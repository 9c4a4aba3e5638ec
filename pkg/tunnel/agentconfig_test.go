package tunnel_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/tunnel"
)

func TestTheAuthtokenOfTheNgrokAgentIsFound(t *testing.T) {
	const v3 = "version: 3\nagent:\n  authtoken: " + token + "\n"
	const v2 = "version: \"2\"\nauthtoken: " + token + "\ntunnels: {}\n"
	for _, tc := range []struct {
		name, goos, path, content string
		env                       map[string]string // values are under the test's directory
		want                      bool
	}{
		{"linux", "linux", "h/.config/ngrok/ngrok.yml", v3, map[string]string{"HOME": "h"}, true},
		{"linux with XDG_CONFIG_HOME", "linux", "x/ngrok/ngrok.yml", v3, map[string]string{"HOME": "h", "XDG_CONFIG_HOME": "x"}, true},
		{"linux with XDG_CONFIG_HOME elsewhere", "linux", "h/.config/ngrok/ngrok.yml", v3, map[string]string{"HOME": "h", "XDG_CONFIG_HOME": "x"}, false},
		{"macOS", "darwin", "h/Library/Application Support/ngrok/ngrok.yml", v2, map[string]string{"HOME": "h"}, true},
		{"before version 3", "linux", "h/.ngrok2/ngrok.yml", v2, map[string]string{"HOME": "h"}, true},
		{"NGROK_CONFIG", "linux", "mine.yml", v3, map[string]string{"HOME": "h", "NGROK_CONFIG": "mine.yml"}, true},
		{"NGROK_CONFIG alone", "linux", "h/.config/ngrok/ngrok.yml", v3, map[string]string{"HOME": "h", "NGROK_CONFIG": "mine.yml"}, false},
		{"Windows", "windows", "l/ngrok/ngrok.yml", v3, map[string]string{"USERPROFILE": "h", "LOCALAPPDATA": "l"}, true},
		{"Windows before version 3", "windows", "h/.ngrok2/ngrok.yml", v2, map[string]string{"USERPROFILE": "h", "LOCALAPPDATA": "l"}, true},
		{"no home", "linux", "h/.config/ngrok/ngrok.yml", v3, nil, false},
		{"no token", "linux", "h/.config/ngrok/ngrok.yml", "version: 3\nagent:\n  authtoken:\n", map[string]string{"HOME": "h"}, false},
		{"empty file", "linux", "h/.config/ngrok/ngrok.yml", "", map[string]string{"HOME": "h"}, false},
		{"something else", "linux", "h/.config/ngrok/ngrok.yml", "- a\n- b\n", map[string]string{"HOME": "h"}, false},
		{"an alias", "linux", "h/.config/ngrok/ngrok.yml", "x: &t " + token + "\nauthtoken: *t\n", map[string]string{"HOME": "h"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.goos == "windows" && runtime.GOOS != "windows" {
				t.Skip("the path has backslashes")
			}
			dir := t.TempDir()
			file := filepath.Join(dir, tc.path)
			write(t, file, tc.content)
			env := func(name string) string {
				if v, ok := tc.env[name]; ok {
					return filepath.Join(dir, v)
				}
				return ""
			}
			got, path, err := tunnel.AgentConfigToken(env, tc.goos)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tc.want && (got.Reveal() != token || filepath.Clean(path) != file):
				t.Errorf("got %q from %q", got.Reveal(), path)
			case !tc.want && (!got.Empty() || path != ""):
				t.Errorf("got %q from %q, want none", got.Reveal(), path)
			}
		})
	}
}

func TestANgrokConfigurationThatCannotBeReadIsAnErrorWithoutItsContent(t *testing.T) {
	for name, content := range map[string]string{
		"not YAML":  "authtoken: \"" + token + "\n  x: [",
		"too large": "authtoken: " + token + "\n" + strings.Repeat("#", 256<<10),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ngrok.yml")
			write(t, file, content)
			got, path, err := tunnel.AgentConfigToken(func(name string) string {
				if name == "NGROK_CONFIG" {
					return file
				}
				return ""
			}, "linux")
			if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), file) {
				t.Errorf("error is %v", err)
			}
			if !got.Empty() || path != file {
				t.Errorf("got %q from %q", got.Reveal(), path)
			}
		})
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
