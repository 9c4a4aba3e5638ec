package term

import (
	"testing"

	"github.com/fatih/color"
)

func TestTextIsColouredIfColourIsOn(t *testing.T) {
	for want, got := range map[string]string{
		"\x1b[32mPASS\x1b[0m": Paint("PASS", color.FgGreen, true),
		"FAIL":                Paint("FAIL", color.FgRed, false),
		"SKIP":                Paint("SKIP", 0, true),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
