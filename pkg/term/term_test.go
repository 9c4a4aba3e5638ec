package term

import (
	"testing"
)

func TestVisibleReplacesControlCharacters(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain\ttext\nünïcode 日本", "plain\ttext\nünïcode 日本"},
		{"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
		{"a\rb\x00c\x7f", "a^Mb^@c^?"},
		{"c1 \u009b31m", "c1 <U+009B>31m"},
		{"turned \u202etxt.exe", "turned <U+202E>txt.exe"},
	}
	for _, tt := range tests {
		if got := Visible(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := OneLine(" a\n\tb\x1b "); got != "a b^[" {
		t.Errorf("OneLine: %q", got)
	}
}

func TestColorDependsOnModeEnvironmentAndTerminal(t *testing.T) {
	tests := []struct {
		name     string
		mode     ColorMode
		env      map[string]string
		terminal bool
		want     bool
	}{
		{"terminal", ColorAuto, nil, true, true},
		{"pipe", ColorAuto, nil, false, false},
		{"NO_COLOR", ColorAuto, map[string]string{"NO_COLOR": "1"}, true, false},
		{"NO_COLOR overrides CLICOLOR_FORCE", ColorAuto, map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, true, false},
		{"forced", ColorAuto, map[string]string{"CLICOLOR_FORCE": "1"}, false, true},
		{"CLICOLOR_FORCE=0", ColorAuto, map[string]string{"CLICOLOR_FORCE": "0"}, false, false},
		{"dumb", ColorAuto, map[string]string{"TERM": "dumb"}, true, false},
		{"always", ColorAlways, map[string]string{"NO_COLOR": "1"}, false, true},
		{"never", ColorNever, map[string]string{"CLICOLOR_FORCE": "1"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Color(tt.mode, func(name string) string { return tt.env[name] }, tt.terminal); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
