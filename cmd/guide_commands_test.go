package cmd

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// departure says where the test does not type a command as it is written, or where the
// command does not simply succeed.
type departure struct {
	page  string // "" for all
	match string // is in the command, at its end if it ends with $
	as    string // is typed instead of match, if not ""
	code  int    // the exit code
	warns bool   // it prints a warning
	skip  bool   // it is not run
	why   string
}

var departures = []departure{
	{match: "go install", skip: true, why: "it needs a network"},
	{match: "npm install", skip: true, why: "it needs a network; docs/endpoints/check.sh does it"},
	{match: "pip install", skip: true, why: "it needs a network; docs/endpoints/check.sh does it"},
	{match: "node server.js", skip: true, why: "it needs Express; docs/endpoints/check.sh runs it"},
	{match: "python main.py", skip: true, why: "it needs FastAPI; docs/endpoints/check.sh runs it"},
	{match: "docs/endpoints/check.sh", skip: true, why: "it needs a network; .ci/run runs it"},
	{match: "go run . ", as: "narada ", why: "the test is the same program"},
	{match: "go run ./docs/endpoints/go", as: `"$ENDPOINT"`, why: "it is built once"},
	{match: "$(uuidgen)", as: "$RANDOM$RANDOM", why: "not every machine has it"},
	{match: `"${fpath[1]}/_narada"`, as: "_narada", why: "only zsh has fpath"},
	{match: "req_abc123def456", as: "$(narada history -o json --jq .requestId | sed -n 1p)", why: "the reader has an ID"},
	{match: "check https://hooks.example.com", as: "check --allow-http --yes https://hooks.example.com", why: "the endpoint is on this machine, and there is no terminal to ask on"},
	{match: "https://hooks.example.com/api/narada/webhook", as: "http://localhost:3000/api/narada/webhook", why: "the host does not exist"},
	{match: "https://example.com/api/narada/webhook", as: "http://localhost:3000/api/narada/webhook", why: "the host does not exist"},
	{match: "http://hook:3000", as: "http://127.0.0.1:3000", why: "the host does not exist"},
	{match: "--to postgres://narada@db1/narada", as: "--to ~/copied", why: "the host does not exist; store_copy.txtar copies to PostgreSQL"},
	{page: "scale.md", match: "narada doctor", code: 3, why: "the host does not exist"},
	{match: "doctor --endpoint", code: 3, as: "doctor --yes --endpoint", why: "the endpoint is on this machine, and there is no terminal to ask on"},
	{match: "narada batch work", skip: true, why: "a worker runs until it is interrupted; batch_work.txtar has workers"},
	{match: "narada ui", skip: true, why: "it runs until it is interrupted; ui.txtar has it"},
	{match: "login --key - < key.txt", as: "login --key env:NARADA_API_KEY", warns: true, why: "there is no key.txt"},
	{match: "narada login$", as: "narada login --key env:NARADA_API_KEY", warns: true, why: "there is no terminal to ask on"},
	{match: "--base-url https://staging.example.com/fast/v2 login", as: "--base-url $NARADA_API_BASE_URL login --key env:NARADA_API_KEY", why: "the host does not exist"},
	{match: "batch delete", as: "batch delete --yes", why: "there is no terminal to ask on"},
	{match: "WEBHOOK_TOKEN=... NARADA_CALLBACK_SECRET=...", as: "WEBHOOK_TOKEN=h00k-t0ken NARADA_CALLBACK_SECRET=h00k-s3cret", why: "the reader has values"},
	{page: "README.md", match: "narada replay --last", code: 3, why: "the endpoint requires a secret"},
	{page: "README.md", match: "narada check", code: 3, why: "the endpoint requires a secret"},
	{page: "README.md", match: "narada trigger success", code: 3, why: "the endpoint requires a secret"},
	{page: "troubleshooting.md", match: "narada check", code: 3, why: "the endpoint requires a secret"},
	{page: "ci.md", match: "narada check", code: 3, why: "no endpoint runs there"},
	{page: "webhooks.md", match: "webhook --allow-http$", code: 3, why: "the endpoint requires a secret"},
	{page: "sessions.md", match: "--save reports", warns: true, why: "the sandbox saves answer.txt for both tasks"},
	{page: "structured-output.md", match: "--rules mismatch.yaml", code: 9, why: "it shows the errors"},
}

// shownOutput is a block that is printed, not typed.
type shownOutput struct {
	page  string
	start string // of the block
}

var shownOutputs = []shownOutput{
	{page: "batches.md", start: "3,000 lines:"},
	{page: "batches.md", start: `{"id":"acme"`},
	{page: "webhooks.md", start: "200 POST"},
	{page: "structured-output.md", start: "schema: /0/salary"},
	{page: "structured-output.md", start: "assert: .response"},
}

// preparations are typed before the commands of a page.
var preparations = map[string][]string{
	"README.md": {startEndpoint, "export SHELL=/bin/bash"},
	"batches.md": {
		"(echo a,b,c,d; yes 1,2,3 | head -n 3000) > broken.csv",
		"! narada batch run broken.csv --prompt '{{.a}}'",
	},
	"history.md": {
		startEndpoint,
		"narada listen --forward-to http://localhost:3000/api/narada/webhook",
		"narada dispatch --callback-url listener 'pay the invoice'", // fails to be forwarded
	},
	"scripts.md":         {"session=$(narada session start -o json --jq .session_id)"},
	"troubleshooting.md": {startEndpoint, "narada run 'count the open issues of cli/cli'"},
	"webhooks.md":        {startEndpoint},
}

const startEndpoint = `PORT=3000 WEBHOOK_TOKEN=h00k-t0ken NARADA_CALLBACK_SECRET=h00k-s3cret "$ENDPOINT"`

// The commands of each guide work, in the order of the page, as a reader types them.
func TestCommandsOfTheGuidesWork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the guides have commands for bash, and the test interrupts them with a signal")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is missing")
	}
	pages := guidePages(t)
	if unused := unusedVariables(pages); len(unused) > 0 {
		t.Errorf("no guide names the variables %q", unused)
	}
	endpoint := filepath.Join(t.TempDir(), "endpoint")
	if out, err := exec.Command("go", "build", "-o", endpoint, "../docs/endpoints/go").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	used := map[string]bool{} // the departures and outputs, by what they match
	t.Run("page", func(t *testing.T) {
		for name, page := range pages {
			steps := guideSteps(t, name, page, used)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				readGuide(t, name, steps, "ENDPOINT="+endpoint)
			})
		}
	})
	for _, d := range departures {
		if !used[d.page+d.match] {
			t.Errorf("no command matches %+v", d)
		}
	}
	for _, o := range shownOutputs {
		if !used[o.page+o.start] {
			t.Errorf("no block matches %+v", o)
		}
	}
}

// guideStep is a command of a guide, or a text that it shows as printed.
type guideStep struct {
	guideCommand
	output     bool
	departures []departure
}

// guideSteps are the steps of a page. It adds to used what it uses.
func guideSteps(t *testing.T, name, page string, used map[string]bool) (steps []guideStep) {
	t.Helper()
	for _, block := range guideBlocks(page) {
		if block.fenced && block.language != "" {
			continue
		}
		i := slices.IndexFunc(shownOutputs, func(o shownOutput) bool { return o.page == name && strings.HasPrefix(block.text, o.start) })
		if i >= 0 {
			used[name+shownOutputs[i].start] = true
			steps = append(steps, guideStep{guideCommand: guideCommand{block.line, block.text}, output: true})
			continue
		}
		for _, command := range guideCommands(t, block) {
			step := guideStep{guideCommand: command}
			for _, d := range departures {
				if (d.page == "" || d.page == name) && strings.Contains(command.text+"$", d.match) {
					used[d.page+d.match] = true
					step.departures = append(step.departures, d)
				}
			}
			steps = append(steps, step)
		}
	}
	return steps
}

func readGuide(t *testing.T, name string, steps []guideStep, env ...string) {
	reader := newGuideReader(t, append(env, guideVariables...)...)
	if name != "README.md" { // which says it
		reader.types("narada config set browser-window-id window_1")
	}
	for _, command := range preparations[name] {
		if job(command) != "" {
			reader.starts(t, command)
		} else if exit, _, stderr := reader.types(command); exit != 0 {
			t.Fatalf("%s: exit code %d: %s", command, exit, stderr)
		}
	}
	for _, step := range steps {
		if !step.output {
			t.Run(fmt.Sprintf("line %d", step.line), func(t *testing.T) { step.run(t, reader) })
		}
	}
	reader.endAll(t)
	for _, step := range steps {
		for line := range strings.Lines(step.text) {
			if step.output && !reader.prints(line) {
				t.Errorf("line %d: no command prints %s\nbut\n%s", step.line, line, reader.printed.String())
			}
		}
	}
}

func (s guideStep) run(t *testing.T, reader *guideReader) {
	text, want, warns := s.text, 0, false
	for _, d := range s.departures {
		if d.skip {
			t.Skipf("%s: %s", text, d.why)
		}
		if d.as != "" {
			text = strings.TrimSuffix(strings.ReplaceAll(text+"$", d.match, d.as), "$")
		}
		want, warns = max(want, d.code), warns || d.warns
	}
	if tool := missingTool(text); tool != "" {
		t.Skipf("%s: %s is missing", text, tool)
	}
	if job(text) != "" {
		reader.starts(t, text)
		return
	}
	exit, stdout, stderr := reader.types(text)
	if exit != want || warns != strings.Contains(stderr, "warning:") {
		t.Errorf("%s\nexit code %d, want %d; a warning: %t\n%s%s", text, exit, want, warns, stdout, stderr)
	}
}
