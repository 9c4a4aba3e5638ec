package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/sandbox"
)

// writtenPages are the pages that people write.
func writtenPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/benchmarks/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pages[path] = string(b)
		}
	}
	if len(pages) < 6 {
		t.Fatalf("only %d pages", len(pages))
	}
	return pages
}

func TestLinksInTheDocsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	for path, text := range writtenPages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// Every narada command line in the docs and in the help's examples has a command
// and flags that exist.
func TestCommandsInTheDocsExist(t *testing.T) {
	checked := 0
	check := func(where, text string) {
		for _, line := range commandLines(text) {
			checked++
			if err := parseCommand(line); err != nil {
				t.Errorf("%s: %s: %v", where, line, err)
			}
		}
	}
	for path, text := range writtenPages(t) {
		check(path, text)
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		check(c.CommandPath(), c.Example)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
	if checked < 40 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// commandLines are the narada commands in the indented lines of text.
func commandLines(text string) []string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	start := regexp.MustCompile(`(?m)^ {2,}.*?\b(narada (?:-|[a-z])[^|)&;>#\n]*)`)
	var lines []string
	for _, m := range start.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[0], "#") && !strings.Contains(m[0], "go run") {
			lines = append(lines, strings.TrimSpace(m[1]))
		}
	}
	return lines
}

// words splits a line as a shell does, as far as the docs need it.
func words(line string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		list = append(list, m[1]+m[2]+m[3])
	}
	return list
}

func parseCommand(line string) error {
	root := testRoot()
	c, args, err := root.Find(words(line)[1:])
	if err != nil {
		return err
	}
	if err := c.ParseFlags(args); err != nil {
		return err
	}
	if c == root && len(c.Flags().Args()) > 0 {
		return unknownCommand(root, c.Flags().Args())
	}
	return nil
}

func TestRulesInTheDocsAreRules(t *testing.T) {
	text, err := os.ReadFile("../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	rules, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there are no rules in the page")
	}
	if _, err := sandbox.ParseRules([]byte(rules)); err != nil {
		t.Error(err)
	}
}

func TestSettingsInTheDocsExist(t *testing.T) {
	text, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		if key.Project && !strings.Contains(string(text), "`"+key.Name+"`") {
			t.Errorf("docs/settings.md does not say that a project file may set %s", key.Name)
		}
	}
}

func TestExitCodesInTheREADMEAreThoseOfTheHelp(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(string(text), -1)
	help := regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(newExitCodesTopic(nil).Long, -1)
	if len(rows) != codeRefused+1 || len(help) != codeRefused+1 {
		t.Errorf("%d rows in README.md, %d in the help, want %d", len(rows), len(help), codeRefused+1)
	}
}
