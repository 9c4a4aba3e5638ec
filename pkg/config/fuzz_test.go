package config

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// An error of a config file names the line and none of the values, which may be secrets. A
// setting that is written into a valid file is read, and changes no other one.
func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{
		"", "# only a comment\n", "# no newline", "api-key: s3cret\ntimeout: 10m\nngrok:\n  authtoken: x\n  domain: a.b\nprofiles:\n  staging:\n    base-url: https://x\n    agent: core\n",
		"ngrok.domain: x\n", "profiles: {p: {agent: a}, P: {agent: b}}\n", "timeout: [1]", "- a", "a: &x b", "<<: {a: b}", "a: b\n---\n", "? [a]\n: b", "timeout: !!binary aGk=",
		"agent: 0123\ntime-zone: yes\nstate-dir: ~\n", "ngrok: ~", "profiles:", "\ufeffagent: x", "a: \"\\ud800\"", "agent: |\n  x\n  y\n", "timeout: 5m\r\nagent: x\r\n", "{agent: x}", "{agent}", "agent: x # why\n",
	} {
		f.Add(text)
	}
	hasLine := regexp.MustCompile(`\bline [0-9]+`)
	f.Fuzz(func(t *testing.T, text string) {
		if textfile.Check(text) != nil {
			return // it is not read
		}
		before, d, err := parseFile(text)
		if err != nil {
			shown := fileError("config.yaml", err).Error()
			if !hasLine.MatchString(shown) {
				t.Errorf("%q: no line in %s", text, shown)
			}
			return
		}
		seven := "7m"
		edited, err := yamljson.Set([]byte(text), []string{Timeout}, &seven)
		if err != nil {
			return // such as a file in one line, which is not edited
		}
		after, again, err := parseFile(string(edited))
		if err != nil {
			t.Fatalf("%q: edited to %q: %v", text, edited, err)
		}
		want, got := before.AllSettings(), after.AllSettings()
		want[Timeout] = seven
		for _, settings := range []map[string]any{want, got} {
			maps.DeleteFunc(settings, func(_ string, v any) bool { return v == "" }) // is not set
		}
		if !maps.EqualFunc(want, got, func(a, b any) bool { return a == b }) || strings.Join(d.names, "|") != strings.Join(again.names, "|") {
			t.Errorf("%q: edited to %q: got %v, want %v", text, edited, got, want)
		}
	})
}
