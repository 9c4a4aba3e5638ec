package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// On Windows, what is for Unix alone is skipped: a script says where that begins.
func TestScriptsSayWhatIsForUnixAlone(t *testing.T) {
	ofUnix := []string{"aged", "terminal", "types", "presses", "group", "signal", "kill"}
	begins := regexp.MustCompile(`^\[windows\] (stop|skip)`)
	runs := regexp.MustCompile(`^(?:\[[^\]]+\] )*!? ?(?:exec|exits [0-9]+) (\S+)`)
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		for line := range strings.Lines(script) {
			if begins.MatchString(line) {
				break
			}
			if strings.HasPrefix(line, "[unix]") {
				continue
			}
			word, _, _ := strings.Cut(strings.TrimLeft(line, "! "), " ")
			run := runs.FindStringSubmatch(line)
			if slices.Contains(ofUnix, word) || run != nil && run[1] != "narada" && run[1] != "env" {
				t.Errorf("%s: not after [windows] stop: %s", path, line)
			}
		}
	}
}
