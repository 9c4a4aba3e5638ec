package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/contract"
)

// fenced returns the first code block of that language in a page of docs/.
func fenced(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return block
}

// The files in the guides are valid with the flags beside them.
func TestFilesInTheGuidesWork(t *testing.T) {
	files := map[string]string{
		"jobs.schema.json": fenced(t, "structured-output.md", "json"),
		"credentials.yaml": fenced(t, "secrets.md", "yaml"),
		"servers.yaml":     fenced(t, "mcp.md", "yaml"),
		"apply.yaml":       fenced(t, "task-files.md", "yaml"),
		"wiki.key":         "key\n", "cv.pdf": "cv", "photos/ada.jpg": "photo",
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("photos", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--schema", "jobs.schema.json", "x"},
		{"--credentials", "credentials.yaml", "--allow-env", "JIRA_TOKEN", "x"},
		{"--mcp", "servers.yaml", "--allow-env", "CRM_TOKEN", "x"},
		{"--task", "apply.yaml", "--allow-env", "FORM_PASSWORD", "--time-zone", "Europe/Berlin", "--var", "note=urgent"},
	} {
		app, stdout, stderr := testApp(t, append([]string{"run", "--dry-run", "--window", "w"}, args...)...)
		home := t.TempDir()
		app.Lookup = func(name string) (string, bool) {
			switch name {
			case "HOME":
				return home, true
			case "JIRA_TOKEN", "CRM_TOKEN", "FORM_PASSWORD":
				return "value", true
			}
			return "", false
		}
		if code := app.Run(t.Context()); code != codeDone || stdout.Len() == 0 || strings.Contains(stderr.String(), "warning") {
			t.Errorf("narada run %q: code %d, %s", args, code, stderr)
		}
	}
}

// The guide shows the messages that narada prints for data that does not match a schema.
func TestGuideShowsTheSchemaErrorsThatArePrinted(t *testing.T) {
	files := map[string]string{
		"jobs.schema.json": fenced(t, "structured-output.md", "json"),
		"rules.yaml":       "delay: 1ms\nrules: [{structuredOutput: [{title: Gopher, salary: a lot}]}]\n",
	}
	shown := strings.Split(fenced(t, "structured-output.md", ""), "\n")[0]
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app, stdout, stderr := testApp(t, "run", "--sandbox", "--rules", "rules.yaml", "--schema", "jobs.schema.json", "x")
	if code := app.Run(t.Context()); code != codeMismatch || stdout.Len() > 0 || !strings.Contains(stderr.String(), shown+"\n") {
		t.Errorf("code %d, stderr %s, want %s", code, stderr, shown)
	}
}

// The table has a row for each parameter of the SDK, and the flags in it exist.
func TestSDKGuideCoversEveryParameter(t *testing.T) {
	page, err := os.ReadFile("../docs/from-the-python-sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, parameter := range []string{ // of Agent.run, 0.2.x
		"prompt", "reasoning", "clear_chat", "generate_gif", "output_schema", "previous_request_id", "chat_history",
		"additional_context", "attachment", "time_zone", "user_resource_credentials", "mcp_servers", "secret_variables",
		"input_variables", "callback_url", "callback_secret", "callback_headers", "on_input_required", "critic", "timeout",
	} {
		if !regexp.MustCompile("(?m)^\\| .*`" + parameter + "\\b[^|]* \\| .* \\|$").MatchString(text) {
			t.Errorf("%s has no row", parameter)
		}
	}
	known := map[string]bool{}
	for _, name := range []string{"run", "dispatch"} {
		c, _, err := testRoot().Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
	}
	for _, flag := range regexp.MustCompile("--[a-z][a-z-]+").FindAllString(text, -1) {
		if !known[flag] {
			t.Errorf("there is no flag %s", flag)
		}
	}
}

// The endpoints in the guide are the files that a script tests.
func TestEndpointsInTheGuideAreTested(t *testing.T) {
	for language, path := range map[string]string{"go": "go/main.go", "javascript": "node/server.js", "python": "python/main.py"} {
		file, err := os.ReadFile("../docs/endpoints/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if fenced(t, "webhooks.md", language) != string(file) {
			t.Errorf("%s differs from what webhooks.md shows", path)
		}
	}
}

// The guides name only tests of narada check that exist.
func TestChecksNamedInTheGuidesExist(t *testing.T) {
	known := map[string]bool{}
	for _, test := range contract.Tests() {
		known[test.Name] = true
	}
	script, err := os.ReadFile("../docs/endpoints/check.sh")
	if err != nil {
		t.Fatal(err)
	}
	text := string(script)
	for _, page := range []string{"webhooks.md", "troubleshooting.md"} {
		b, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	named := regexp.MustCompile(`(?m)\b((?:missing|wrong|text|certificate|public|tls|null)-[a-z0-9]+)\b`).FindAllString(text, -1)
	if len(named) < 8 {
		t.Errorf("only %q", named)
	}
	for _, name := range named {
		if !known[name] {
			t.Errorf("there is no test %s", name)
		}
	}
}
