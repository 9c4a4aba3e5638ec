package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
)

// writtenPages are the pages of the documentation that are not generated, by path.
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

func TestLinksInTheDocsExist(t *testing.T) {
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

// The commands and flags in the docs and in the examples of the help exist.
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
	inTable := regexp.MustCompile("(?m)^\\|.*?`(narada [^`]+)`")
	for path, text := range writtenPages(t) {
		check(path, text)
		for _, m := range inTable.FindAllStringSubmatch(text, -1) {
			check(path, "    "+m[1])
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		check(c.CommandPath(), c.Example)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
	if checked < 100 {
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

// words splits a line at spaces outside quotation marks.
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

// tableRows are the rows of the Markdown table with this header, without the header.
func tableRows(t *testing.T, path, head string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), head+"\n")
	if !found {
		t.Fatalf("%s has no table %s", path, head)
	}
	var rows []string
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, line)
	}
	return rows[1:] // without the line below the header
}

func TestDocsListAllSettings(t *testing.T) {
	var want []string
	project := map[string]bool{}
	for _, key := range config.Keys() {
		byDefault := "none"
		if key.Default != "" {
			byDefault = "`" + key.Default + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s | %s |", key.Name, key.Env, byDefault, key.Usage))
		if key.Project {
			project[key.Name] = true
		}
	}
	if diff := cmp.Diff(want, tableRows(t, "../docs/settings.md", "| setting | environment | default | |")); diff != "" {
		t.Errorf("docs/settings.md differs from the settings (-there are, +it has):\n%s", diff)
	}
	text, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The project file\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z][a-z.-]*)`").FindAllStringSubmatch(section, -1) {
		named[m[1]] = true
	}
	if diff := cmp.Diff(project, named); diff != "" {
		t.Errorf("docs/settings.md: what a project file may set (-it may, +the page says):\n%s", diff)
	}
}

func TestHelpListsAllEnvironmentVariables(t *testing.T) {
	help := newEnvironmentTopic(nil).Long
	for _, key := range config.Keys() {
		line := regexp.QuoteMeta(key.Usage)
		if key.Default != "" {
			line += regexp.QuoteMeta(" (default " + key.Default + ")")
		}
		if !regexp.MustCompile(`(?m)^  ` + key.Env + ` +` + regexp.QuoteMeta(key.Name) + ` +` + line + `$`).MatchString(help) {
			t.Errorf("narada help environment does not have %s", key.Env)
		}
	}
}

func TestREADMEListsAllExitCodes(t *testing.T) {
	var want []string
	for i, e := range exitCodes() {
		if e.code != i {
			t.Errorf("code %d has the place of %d", e.code, i)
		}
		want = append(want, fmt.Sprintf("| %d | %s | %s |", e.code, e.name, e.meaning))
	}
	if diff := cmp.Diff(want, tableRows(t, "../README.md", "| code | name | meaning |")); diff != "" {
		t.Errorf("README.md differs from the exit codes (-there are, +it has):\n%s", diff)
	}
}

func TestHelpListsAllExitCodes(t *testing.T) {
	_, table, _ := strings.Cut(newExitCodesTopic(nil).Long, "\n\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var got, want []string
	for line := range strings.Lines(table) {
		if line = strings.TrimRight(line, "\n"); len(line) > 80 {
			t.Errorf("longer than 80 columns: %s", line)
		}
		if words := strings.Join(strings.Fields(line), " "); regexp.MustCompile(`^ {2,3}\d`).MatchString(line) {
			got = append(got, words)
		} else {
			got[len(got)-1] += " " + words
		}
	}
	for _, e := range exitCodes() {
		want = append(want, fmt.Sprintf("%d %s %s", e.code, e.name, e.meaning))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The script exit_codes.txtar has a command that ends with each exit code.
func TestEveryExitCodeHasAScript(t *testing.T) {
	script, err := os.ReadFile("testdata/script/exit_codes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exitCodes() {
		if !strings.Contains(string(script), fmt.Sprintf("\nexits %d ", e.code)) {
			t.Errorf("exit_codes.txtar has no command that ends with %d", e.code)
		}
	}
}
