package term

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestVisibleReplacesControlCharacters(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain\ttext\nünïcode 日本", "plain\ttext\nünïcode 日本"},
		{"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
		{"a\rb\x00c\x7f", "a^Mb^@c^?"},
		{"c1 \u009b31m", "c1 <U+009B>31m"},
		{"turned \u202etxt.exe", "turned <U+202E>txt.exe"},
		{"not UTF-8: \x9b31m", "not UTF-8: \ufffd31m"},
		{"soft\u00ad hyphen, \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, \U0001f468\u200d\U0001f33e, \u0600\u0661", "soft\u00ad hyphen, \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, \U0001f468\u200d\U0001f33e, \u0600\u0661"},
		{"tag \U000e0041, mark \u200f, line \u2028", "tag <U+E0041>, mark <U+200F>, line <U+2028>"},
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
		{"FORCE_COLOR", ColorAuto, map[string]string{"FORCE_COLOR": "1", "TERM": "dumb", "CI": "true"}, false, true},
		{"FORCE_COLOR=0", ColorAuto, map[string]string{"FORCE_COLOR": "0"}, true, false},
		{"FORCE_COLOR=false", ColorAuto, map[string]string{"FORCE_COLOR": "false"}, true, false},
		{"NO_COLOR overrides FORCE_COLOR", ColorAuto, map[string]string{"NO_COLOR": "1", "FORCE_COLOR": "3"}, true, false},
		{"CI", ColorAuto, map[string]string{"CI": "true"}, false, false},
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

func TestOnlyYesAnswersAQuestionWithYes(t *testing.T) {
	for in, want := range map[string]bool{
		"y\n": true, " YES \r\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yesterday\n": false, "\ny\n": false,
	} {
		var out strings.Builder
		got, err := Ask(t.Context(), strings.NewReader(in), &out, "delete it?")
		if got != want || err != nil || !strings.HasPrefix(out.String(), "delete it? [y/N] ") {
			t.Errorf("%q: got %v, %v, %q", in, got, err, out.String())
		}
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	asked := writerFunc(func(p []byte) (int, error) {
		cancel(ended)
		return len(p), nil
	})
	if yes, err := Ask(ctx, r, asked, "delete it?"); yes || err != ended {
		t.Errorf("got %v, %v", yes, err)
	}
}

func TestWrapBreaksWhereTextMayBeBroken(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"one two three":   "one two|three",
		"one two th":      "one two th",
		"one two; .a is":  "one two;|.a is", // a space always is a place
		"one-two-three":   "one-two-th|ree",
		"averylongword x": "averylongw|ord x",
		"数一数这家公司":         "数一数这家|公司",
		"a数一数这家公司":        "a数一数这|家公司",
		"数一数 a/b/c":       "数一数|a/b/c",
		"ab 👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦": "ab 👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦|👩‍👩‍👧‍👦",
	} {
		if got := strings.Join(Wrap(text, 10), "|"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := strings.Join(Wrap("数a", 1), "|"); got != "数|a" {
		t.Errorf("what is wider than a line: got %q", got)
	}
}
