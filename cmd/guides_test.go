package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/contract"
)

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

// filesOfOthers begin the blocks in the guides that are no files that are shipped.
var filesOfOthers = map[string]string{
	"batches.md":             "✓ line 1 ",               // on a terminal; package batch tests it
	"from-the-python-sdk.md": "response = await Agent(", // of the SDK
	"settings.md":            "api-key: ...",            // the user file
}

// The files that the guides show are those in docs/examples and docs/endpoints.
func TestFilesInTheGuidesAreShipped(t *testing.T) {
	shipped := map[string]bool{}
	for _, dir := range []string{"../docs/examples", "../docs/endpoints"} {
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(filepath.Join(dir, path))
			shipped[strings.ReplaceAll(string(text), "\r\n", "\n")] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	for name, page := range guidePages(t) {
		for _, block := range guideBlocks(page) {
			if block.language == "" {
				continue
			}
			found++
			if others := filesOfOthers[name]; !shipped[block.text] && (others == "" || !strings.HasPrefix(block.text, others)) {
				t.Errorf("%s, line %d: no file in docs/examples or docs/endpoints is\n%s", name, block.line, block.text)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d blocks were found", found)
	}
}

// The guides name each of the example files, directly or in another one.
func TestExampleFilesAreNamed(t *testing.T) {
	var texts strings.Builder
	for _, page := range guidePages(t) {
		texts.WriteString(page)
	}
	err := fs.WalkDir(os.DirFS("../docs/examples"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(texts.String(), path) {
			t.Errorf("no guide names docs/examples/%s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The user file in the guide has only settings that exist.
func TestUserFileInTheGuideWorks(t *testing.T) {
	app, stdout, stderr := testApp(t, "config", "list", "--profile", "staging")
	home, _ := app.Lookup("HOME")
	for _, block := range guideBlocks(guidePages(t)["settings.md"]) {
		if block.language != "yaml" {
			continue
		}
		path := filepath.Join(home, ".config", "narada", "config.yaml")
		if runtime.GOOS == "windows" {
			path = filepath.Join(home, "narada", "config.yaml")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(block.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code := app.Run(t.Context()); code != codeDone || stderr.Len() > 0 || !strings.Contains(stdout.String(), "staging.example.com") || !strings.Contains(stdout.String(), "window_xyz789") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
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

// README says where the ID of a browser window is, as the hint of doctor does.
func TestREADMESaysWhereTheWindowIDIs(t *testing.T) {
	app, stdout, _ := testApp(t, "doctor", "--base-url", "http://127.0.0.1:1")
	app.Run(t.Context())
	where := regexp.MustCompile(`"Authentication" at \S+ shows where to find`).FindString(stdout.String())
	if where == "" || !strings.Contains(guidePages(t)["README.md"], where) {
		t.Errorf("README.md does not have %q of\n%s", where, stdout)
	}
}
