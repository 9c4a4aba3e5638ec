package cmd

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/narada-cli/narada/pkg/completing"
)

var update = flag.Bool("update", false, "write the generated files of docs/reference, docs/man and completions")

// The reference pages, the manual pages and the completions are those of the commands. To write them, run
// go test ./cmd -run Generated -update.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for folder, files := range map[string]map[string]string{
		"../docs/reference": referencePages(t),
		"../docs/man":       manPages(t),
		"../completions":    completionScripts(t),
	} {
		if *update {
			writeFolder(t, folder, files)
		}
		got := readFolder(t, folder)
		if diff := cmp.Diff(files, got); diff != "" {
			t.Errorf("%s is stale: run go test ./cmd -run Generated -update\n%s", folder, diff)
		}
	}
}

// commandPaths lists the commands that can be run.
func commandPaths() (paths []string) {
	root := testRoot()
	root.InitDefaultHelpCmd()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() {
			paths = append(paths, c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return paths
}

func testRoot() *cobra.Command {
	app := &App{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
		Lookup: func(string) (string, bool) { return "", false },
	}
	inv := newInvocation(app)
	return newRoot(inv, commands[:])
}

func referencePages(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := doc.GenMarkdownTree(testRoot(), dir); err != nil {
		t.Fatal(err)
	}
	pages := readFolder(t, dir)
	for _, c := range testRoot().Commands() {
		if c.IsAdditionalHelpTopicCommand() && c.Name() != "help" {
			pages["topic_"+c.Name()+".md"] = "## narada help " + c.Name() + "\n\n" + c.Short + "\n\n```\n" + c.Long + "\n```\n"
		}
	}
	return pages
}

func completionScripts(t *testing.T) map[string]string {
	t.Helper()
	root := testRoot()
	files := map[string]string{}
	for shell, name := range map[string]string{"bash": "narada.bash", "zsh": "_narada", "fish": "narada.fish", "powershell": "narada.ps1"} {
		text, err := completing.Script(root, shell)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
	}
	return files
}

func readFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

func writeFolder(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Every command has the texts that its reference page needs.
func TestEveryCommandIsDocumented(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && c.Example == "" && !c.HasSubCommands() && c.Name() != "help" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
}
