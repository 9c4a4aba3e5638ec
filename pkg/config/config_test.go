package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// place is a machine with these environment variables and a home of its own.
func place(t *testing.T, env map[string]string) Place {
	t.Helper()
	home := t.TempDir()
	return Place{Dir: t.TempDir(), GOOS: "linux", Getenv: func(name string) string {
		if name == "HOME" {
			return home
		}
		return env[name]
	}}
}

func TestFirstLayerThatSetsAValueWins(t *testing.T) {
	p := place(t, map[string]string{"NARADA_TIMEOUT": "4m"})
	write(t, UserFile(p), "timeout: 1m\nagent: user\npoll-interval: 1s\ntime-zone: Asia/Tokyo\nprofiles:\n  p:\n    timeout: 2m\n    agent: profile\n    poll-interval: 2s\n")
	write(t, filepath.Join(p.Dir, ProjectFileName), "timeout: 3m\nagent: project\n")
	p.Profile = "p"
	s, err := Load(p, map[string]Flag{Timeout: {Name: "timeout", Value: "5m"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{Timeout, Agent, PollInterval, TimeZone, ColorMode, PublicURL} {
		v := s.Get(name)
		got[name] = v.Text + " " + string(v.Layer)
	}
	want := map[string]string{
		Timeout: "5m flag", Agent: "project project", PollInterval: "2s profile",
		TimeZone: "Asia/Tokyo user", ColorMode: "auto default", PublicURL: " ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s, err = Load(p, nil)
	if err != nil || s.Get(Timeout).Origin != "environment NARADA_TIMEOUT" {
		t.Errorf("%+v, %v", s.Get(Timeout), err)
	}
}

func TestUserFileFollowsXDG(t *testing.T) {
	tests := []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"darwin", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/narada/config.yaml"},
		{"linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/narada/config.yaml"},
		{"windows", map[string]string{"AppData": "/a"}, "/a/narada/config.yaml"},
		{"linux", nil, ""},
	}
	for _, tt := range tests {
		got := UserFile(Place{GOOS: tt.goos, Getenv: func(name string) string { return tt.env[name] }})
		if got != filepath.FromSlash(tt.want) {
			t.Errorf("%s %v: %s", tt.goos, tt.env, got)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	tests := []struct{ name, content, err string }{
		{"not YAML", "secret-value", "not valid YAML"},
		{"broken", "a: b\n  c: secret-value", "not valid YAML (line 2)"},
		{"a list", "timeout: [secret-value]", "timeout must be a single value"},
		{"a name twice", "timeout: 5m\nTimeout: 6m\n", "line 2: timeout stands there twice"},
		{"an alias", "agent: &a x\ntime-zone: *a\n", "line 2: YAML aliases"},
		{"two documents", "agent: core\n---\nagent: operator\n", "line 2: a second document begins"},
		{"a bad value", "timeout: secret-value", `timeout (user file`},
		{"a number is no duration", "timeout: 30", `"30" is not a duration`},
		{"huge", "# " + strings.Repeat("x", maxFile), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := place(t, nil)
			write(t, UserFile(p), tt.content)
			_, err := Load(p, nil)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v", err)
			}
			if strings.HasPrefix(tt.err, "not valid") && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows what stands there: %v", err)
			}
		})
	}
}

func TestValuesAreTakenAsTheyAreWritten(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "browser-window-id: 0123\napi-key: 1234567890123456789012\nAgent: core\nngrok:\n  domain: 1e3\npublic-url:\n")
	s, err := Load(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{BrowserWindowID: "0123", APIKey: "1234567890123456789012", NgrokDomain: "1e3", Agent: "core", PublicURL: ""} {
		if got := s.Get(name).Text; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestByteOrderMarkIsUnderstood(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "\ufeffagent: core\n")
	s, err := Load(p, nil)
	if err != nil || s.Get(Agent).Text != "core" {
		t.Errorf("%v", err)
	}
}

func TestWriteKeepsTheRest(t *testing.T) {
	value := func(s string) *string { return &s }
	tests := []struct {
		name, before, profile, key string
		value                      *string
		want                       string
	}{
		{"new file", "", "", Agent, value("core"), "agent: core\n"},
		{"nested", "", "", NgrokDomain, value("x"), "ngrok:\n  domain: x\n"},
		{"spelt with its dot", "ngrok.domain: y\n", "", NgrokDomain, value("x"), "ngrok.domain: x\n"},
		{"profile", "agent: a\n", "p", NgrokDomain, value("x"), "agent: a\nprofiles:\n  p:\n    ngrok:\n      domain: x\n"},
		{"comments", "# top\nagent: a # here\n# end\n", "", Agent, value("b"), "# top\nagent: b # here\n# end\n"},
		{"text that looks like a number", "", "", BrowserWindowID, value("0123"), "browser-window-id: \"0123\"\n"},
		{"comments alone", "# mine\n", "", Agent, value("b"), "# mine\nagent: b\n"},
		{"nothing under it yet", "profiles:\n", "p", Agent, value("b"), "profiles:\n  p:\n    agent: b\n"},
		{"unset", "agent: a\ntimeout: 1m\n", "", Agent, nil, "timeout: 1m\n"},
		{"unset what is not set", "timeout: 1m\n", "", NgrokDomain, nil, "timeout: 1m\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "narada", "config.yaml")
			if tt.before != "" {
				write(t, path, tt.before)
			}
			if err := Write(path, tt.profile, tt.key, tt.value); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnsetTakesOutSingleValuesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	before := "profiles:\n  p:\n    api-key: x\n"
	write(t, path, before)
	if err := Write(path, "", "profiles", nil); err == nil || !strings.Contains(err.Error(), "profiles is not a single value there") {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != before {
		t.Errorf("the file has %q", got)
	}
}

func TestWriteThroughALinkKeepsTheLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "dotfiles", "narada.yaml"), filepath.Join(dir, "config.yaml")
	write(t, target, "agent: a\n")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	b := "b"
	if err := Write(link, "", Agent, &b); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "agent: b\n" {
		t.Errorf("the target has %q", got)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s, err := Load(place(t, map[string]string{"NARADA_API_KEY": "needle", "NGROK_AUTHTOKEN": "needle", "NARADA_CALLBACK_SECRET": "needle"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		if shown := s.Get(key.Name).Shown(); strings.Contains(shown, "needle") {
			t.Errorf("%s shows %s", key.Name, shown)
		}
	}
	if s.Secret(APIKey).Reveal() != "needle" {
		t.Error("the secret is lost")
	}
}
