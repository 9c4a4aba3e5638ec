package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUserFileFollowsXDG(t *testing.T) {
	root := filepath.VolumeName(t.TempDir()) // a path without a drive is not absolute on Windows
	tests := []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"darwin", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": root + "/x"}, root + "/x/narada/config.yaml"},
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

func TestInvalidFilesAreRefused(t *testing.T) {
	tests := []struct{ name, content, err string }{
		{"not YAML", "secret-value", "not valid YAML"},
		{"broken", "a: b\n  c: secret-value", "not valid YAML (line 2)"},
		{"a list", "timeout: [secret-value]", "line 1: timeout must be a single value"},
		{"the document is a list", "- secret-value", "not valid YAML"},
		{"duplicate name", "timeout: 5m\ntimeout: 6m\n", `line 2: duplicate name "timeout"`},
		{"duplicate name in another case", "timeout: 5m\nTimeout: 6m\n", "line 2: duplicate setting timeout"},
		{"duplicate name, once with a dot", "ngrok:\n  domain: x\nngrok.domain: y\n", "line 3: duplicate setting ngrok.domain"},
		{"duplicate profile", "profiles:\n  p: {agent: a}\n  P: {agent: b}\n", "line 3: duplicate profile P"},
		{"an alias", "agent: &a x\ntime-zone: *a\n", "line 1: aliases and anchors are not supported"},
		{"undefined alias", "api-key: *secret-value\n", "not valid YAML"},
		{"merge key", "<<: {agent: a}\n", "line 1: a name in an object must be a string"},
		{"two documents", "agent: core\n---\nagent: operator\n", "line 2: expected one document"},
		{"a bad value", "timeout: secret-value", `timeout (user file`},
		{"duration without a unit", "timeout: 30", `"30" is not a duration`},
		{"too short", "poll-interval: 99ms", `must be at least 100ms`},
		{"invalid duration", "timeout: 0s", "must be more than 0"},
		{"too long", "timeout: 53w", `must be at most 8760h0m0s`},
		{"invalid color", "color: pink", `"pink" is not auto, always or never`},
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
			hinted, _ := errors.AsType[*InvalidError](err)
			if hint := "the unit is missing, as in 30s, 30m or 30h"; (hinted != nil && hinted.Hint() == hint) != (tt.name == "duration without a unit") {
				t.Errorf("%v has the hint %q", err, hint)
			}
			if strings.HasPrefix(tt.err, "not valid") && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error contains a value: %v", err)
			}
		})
	}
}

func TestValuesAreReadAsText(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "browser-window-id: 0123\napi-key: 1234567890123456789012\nAgent: yes\nngrok:\n  domain: 1e3\npublic-url:\ncallback-secret: 2026-01-02\nstate-dir: 'null'\n"+
		"profiles:\n  Eu.Prod:\n    time-zone: 0x10\n  empty: {}\n  none:\n")
	p.Profile = "eu.prod"
	s, err := Load(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		BrowserWindowID: "0123", APIKey: "1234567890123456789012", NgrokDomain: "1e3", Agent: "yes", PublicURL: "", CallbackSecret: "2026-01-02", StateDir: "null", TimeZone: "0x10",
	} {
		if got := s.Get(name).Text; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if p.Profile = "empty"; len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}
	if _, err := Load(p, nil); err != nil {
		t.Error(err)
	}
	p.Profile = "EuProd"
	if _, err := Load(p, nil); err == nil || !strings.HasSuffix(err.Error(), "did you mean Eu.Prod?") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownSettingsCauseAWarning(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "API-kye: x\nngrok:\n  Domian: y\nprofiles:\n  p:\n    agnet: z\n")
	write(t, filepath.Join(p.Dir, projectFileName), "agent: core\nstate-dir: x\nAPI-Key: y\nprofiles: {p: {agent: core}}\n")
	s, err := Load(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	user, project := UserFile(p)+": ", filepath.Join(p.Dir, projectFileName)+": "
	want := []string{
		user + `unknown setting "API-kye"; did you mean api-key?`,
		user + `unknown setting "ngrok.Domian"; did you mean ngrok.domain?`,
		user + `unknown setting "agnet"; did you mean agent?`,
		project + "a project file may not set api-key: ignored",
		project + "a project file may not set state-dir: ignored",
		project + "a project file may not set profiles: ignored",
	}
	if diff := cmp.Diff(want, s.Warnings); diff != "" {
		t.Error(diff)
	}
	if s.Get(APIKey).Set() || s.Get(StateDir).Set() || s.Get(Agent).Text != "core" {
		t.Errorf("%+v", s)
	}
}

func TestByteOrderMarkIsIgnored(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "\ufeffagent: core\n")
	s, err := Load(p, nil)
	if err != nil || s.Get(Agent).Text != "core" {
		t.Errorf("%v", err)
	}
}

func TestWriteSetsValuesThatLoadReads(t *testing.T) {
	p := place(t, nil)
	value := func(s string) *string { return &s }
	for _, step := range []struct {
		profile, key string
		value        *string
		want         string
	}{
		{"", Agent, value("a"), "agent: a\n"},
		{"", BrowserWindowID, value("0123"), "agent: a\nbrowser-window-id: \"0123\"\n"},
		{"", Agent, nil, "browser-window-id: \"0123\"\n"},
		{"Eu.Prod", NgrokDomain, value("x"), "browser-window-id: \"0123\"\nprofiles:\n  Eu.Prod:\n    ngrok:\n      domain: x\n"},
		{"eu.prod", NgrokDomain, value("y"), "browser-window-id: \"0123\"\nprofiles:\n  Eu.Prod:\n    ngrok:\n      domain: y\n"},
	} {
		if err := Write(UserFile(p), step.profile, step.key, step.value); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(UserFile(p))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, string(got)); diff != "" {
			t.Error(diff)
		}
		if left, _ := os.ReadDir(filepath.Dir(UserFile(p))); len(left) != 1 {
			t.Errorf("files left: %v", left)
		}
		p.Profile = step.profile
		if s, err := Load(p, nil); err != nil || step.value != nil && s.Get(step.key).Text != *step.value || len(s.Warnings) > 0 {
			t.Errorf("%s: %+v, %v", step.key, s, err)
		}
	}
}

func TestWriteRefusesInvalidFiles(t *testing.T) {
	for _, text := range []string{"agent: a\n---\nagent: b\n", "agent: a\nagent: b\n", "agent: &x a\n", "secret-value", "a: b\n  c: secret-value", "# " + strings.Repeat("x", maxFile)} {
		p := place(t, nil)
		write(t, UserFile(p), text)
		b := "b"
		if err := Write(UserFile(p), "", Agent, &b); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.20q: %v", text, err)
		}
		if got, _ := os.ReadFile(UserFile(p)); string(got) != text {
			t.Errorf("%.20q is now %.20q", text, got)
		}
	}
}

func TestUnsetRemovesSingleValuesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	before := "profiles:\n  p:\n    api-key: x\n"
	write(t, path, before)
	if err := Write(path, "", "profiles", nil); err == nil || !strings.Contains(err.Error(), "profiles is not a single value") {
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
	if _, err := os.Readlink(link); err != nil {
		t.Skip("Wine makes links that it does not follow: ", err)
	}
	b := "b"
	if err := Write(link, "", Agent, &b); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "agent: b\n" {
		t.Errorf("the target has %q", got)
	}
}
