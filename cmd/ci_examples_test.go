package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ciExample is what an example of a CI system runs.
type ciExample struct {
	scripts []string // of the steps
	env     []string // without what the system keeps secret
}

const ciExamples = "../docs/examples/ci/"

func readCIExample(t *testing.T, name string) (e ciExample) {
	t.Helper()
	b, err := os.ReadFile(ciExamples + name)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch filepath.Ext(name) {
	case ".yml":
		var root yaml.Node
		if err := yaml.Unmarshal(b, &root); err != nil {
			t.Fatal(err)
		}
		e.read(&root)
	default: // Jenkinsfile, crontab
		for _, m := range regexp.MustCompile(`(?m)^ *sh '(.*)'$|^[0-9*]\S* \S+ \S+ \S+ \S+  (.*)$`).FindAllStringSubmatch(text, -1) {
			e.scripts = append(e.scripts, m[1]+m[2])
		}
		for _, m := range regexp.MustCompile(`(?m)^ *(NARADA_\w+) ?= ?'?([\w.]+)'?$`).FindAllStringSubmatch(text, -1) {
			e.env = append(e.env, m[1]+"="+m[2])
		}
	}
	return e
}

// read reads the scripts and variables in a tree of YAML.
func (e *ciExample) read(n *yaml.Node) {
	for i, child := range n.Content {
		key := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key = n.Content[i-1].Value
		}
		switch {
		case slices.Contains([]string{"run", "command", "script", "before_script"}, key) && child.Kind == yaml.ScalarNode:
			e.scripts = append(e.scripts, child.Value)
		case slices.Contains([]string{"script", "before_script"}, key):
			for _, line := range child.Content {
				e.scripts = append(e.scripts, line.Value)
			}
		case slices.Contains([]string{"env", "variables", "environment"}, key):
			for i := 0; i < len(child.Content); i += 2 {
				if value := child.Content[i+1].Value; !strings.Contains(value, "${{") {
					e.env = append(e.env, child.Content[i].Value+"="+value)
				}
			}
		default:
			e.read(child)
		}
	}
}

// The scripts of each example run as their system runs them, in a folder with the files of
// docs/examples, against a sandbox.
func TestExamplesOfCISystemsWork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the examples are for a Unix system")
	}
	examples, err := os.ReadDir(ciExamples)
	if err != nil || len(examples) != 5 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	shell := map[string]string{"crontab": "sh", "Jenkinsfile": "sh -xe", "gitlab.yml": "bash -eo pipefail", "circleci.yml": "bash -eo pipefail", "github.yml": "bash -e"}
	for _, entry := range examples {
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			e := readCIExample(t, entry.Name())
			summary := filepath.Join(t.TempDir(), "summary.md")
			if entry.Name() == "github.yml" {
				e.env = append(e.env, "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+summary)
			}
			reader := newGuideReader(t, append(e.env, "CI=true")...)
			if err := os.Symlink(reader.dir, filepath.Join(reader.dir, "home", "shop")); err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, script := range e.scripts {
				if strings.HasPrefix(script, "go install ") {
					continue
				}
				if err := os.WriteFile(filepath.Join(reader.dir, "step"), []byte(script), 0o600); err != nil {
					t.Fatal(err)
				}
				if exit, stdout, stderr := reader.types(shell[entry.Name()] + " ./step"); exit != 0 {
					t.Errorf("%s\nexit code %d: %s%s", script, exit, stdout, stderr)
				}
				ran++
			}
			for name, want := range map[string]string{"shop.json": `{"priceShown":`, "results.jsonl": `"status":"success"`, "report.xml": `<testsuite name="prompts"`} {
				if entry.Name() == "crontab" && name == "report.xml" {
					continue
				}
				if text, err := os.ReadFile(filepath.Join(reader.dir, name)); !strings.Contains(string(text), want) || err != nil {
					t.Errorf("%s is %q, %v", name, text, err)
				}
			}
			if len(e.env) < 2 || ran < 2 {
				t.Errorf("it has %d scripts, and the variables %q", ran, e.env)
			}
			if text, _ := os.ReadFile(summary); entry.Name() == "github.yml" && strings.Count(string(text), "(exit code 0)\n") != 2 {
				t.Errorf("the summary is %q", text)
			}
		})
	}
}

// What a workflow runs of others is pinned: the name of a version can be moved.
func TestActionsOfWorkflowsArePinned(t *testing.T) {
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%q, %v", paths, err)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, path := range append(paths, ciExamples+"github.yml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		uses := regexp.MustCompile(`uses: (.*)`).FindAllStringSubmatch(strings.ReplaceAll(string(text), "\r", ""), -1)
		for _, m := range uses {
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s: %s is not a commit with its version", path, m[1])
			}
		}
		if len(uses) == 0 || !strings.Contains(string(text), "\npermissions:") {
			t.Errorf("%s: it uses %d actions, or has no permissions", path, len(uses))
		}
	}
}
