package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret/secrettest"
)

// echoCloud is an API whose results and refusals repeat all that a request has, in every
// form. The prompt says how a task ends.
type echoCloud struct {
	t     *testing.T
	posts sync.WaitGroup

	mu      sync.Mutex
	tasks   []echoTask
	tickets []string // the random secrets that narada has made
}

type echoTask struct {
	status string
	said   string
	input  json.RawMessage
}

// newEchoCloud makes an echoCloud the API of the world, and returns it and the flags of a task
// with all kinds of secrets.
func newEchoCloud(t *testing.T, w *leakWorld) (*echoCloud, []string) {
	c := &echoCloud{t: t}
	api := httptest.NewServer(c)
	t.Cleanup(func() { c.posts.Wait(); api.Close() })
	w.env["NARADA_API_BASE_URL"] = api.URL
	w.file("mcp.yaml", `[{url: "https://m.example/?key=env", authentication: {type: bearer-token, bearerToken: "env:MCP_TOKEN"}},
{url: "https://m.example/", authentication: {type: custom-headers, customHeaders: [{key: X-A, value: "env:MCP_HEADER"}]}}]`)
	w.file("credentials.yaml", `jira: {token: "env:CLOUD_TOKEN"}`)
	return c, []string{"--secret-var", "pw=env:TASK_PASSWORD", "--mcp", filepath.Join(w.dir, "mcp.yaml"), "--credentials", filepath.Join(w.dir, "credentials.yaml"),
		"--allow-env", "MCP_TOKEN", "--allow-env", "MCP_HEADER", "--allow-env", "CLOUD_TOKEN"}
}

func (w *leakWorld) file(name, content string) string {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// ServeHTTP implements http.Handler.
func (c *echoCloud) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodGet {
		var number int
		_, _ = fmt.Sscanf(path.Base(r.URL.Path), "req_%d", &number)
		_, _ = rw.Write(c.result(number, "output", nil))
		return
	}
	body, _ := io.ReadAll(r.Body)
	var request narada.Request
	if err := json.Unmarshal(body, &request); err != nil {
		c.t.Error(err)
	}
	secrets := []string{r.Header.Get("X-Api-Key"), request.SecretVariables["pw"], request.Credentials["jira"]["token"],
		request.MCPServers[0].Authentication.BearerToken, request.MCPServers[1].Authentication.CustomHeaders[0].Value}
	for _, value := range append(slices.Collect(maps.Values(request.CallbackHeaders)), request.CallbackSecret) {
		if value != "" {
			secrets = append(secrets, value)
			c.tickets = append(c.tickets, strings.TrimPrefix(value, "Bearer "))
		}
	}
	for i, value := range secrets {
		if value == "" {
			c.t.Errorf("secret %d is missing in %s", i, body)
		}
	}
	said := inForms(secrets...)
	_, status, _ := strings.Cut(request.Prompt, " ")
	if status == "refused" {
		rw.WriteHeader(http.StatusUnprocessableEntity)
		detail, _ := json.Marshal([]any{map[string]any{"loc": []string{"body", "prompt"}, "input": json.RawMessage(body), "ctx": said}})
		fmt.Fprintf(rw, `{"detail":%s}`, detail)
		return
	}
	c.tasks = append(c.tasks, echoTask{status, said, body})
	number := len(c.tasks)
	fmt.Fprintf(rw, `{"requestId":"req_%d"}`, number)
	if request.CallbackURL != "" {
		c.posts.Go(func() { c.post(number, &request) })
	}
}

// inForms returns lines with the values in each form.
func inForms(values ...string) string {
	var b strings.Builder
	for _, value := range values {
		for _, name := range formNames() {
			b.WriteString("it was " + secrettest.Forms()[name](value) + "\n")
		}
	}
	return b.String()
}

// result is the result of a task, whose data are in the response's member.
func (c *echoCloud) result(number int, member string, secret any) []byte {
	task := c.tasks[number-1]
	data := json.RawMessage(fmt.Appendf(nil, `{"input":%s,"texts":[%q]}`, task.input, "it was"))
	var names = map[string]any{"of": data}
	for line := range strings.Lines(task.said) {
		names[strings.TrimSuffix(line, "\n")] = 1
	}
	response := map[string]any{"text": task.said, member: map[string]any{"type": "structured", "content": names}}
	if member == "structuredOutput" {
		response[member] = names
	}
	doc, err := json.Marshal(map[string]any{
		"requestId": fmt.Sprintf("req_%d", number), "status": task.status, "secret": secret, "response": response, "note": task.said,
		"createdAt": "2026-01-02T03:04:05Z", "completedAt": "2026-01-02T03:04:06Z",
	})
	if err != nil {
		c.t.Error(err)
	}
	return doc
}

// post sends the callback of a task.
func (c *echoCloud) post(number int, request *narada.Request) {
	c.mu.Lock()
	body := c.result(number, "structuredOutput", request.CallbackSecret)
	c.mu.Unlock()
	r, err := http.NewRequest(http.MethodPost, request.CallbackURL, bytes.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Echo", request.SecretVariables["pw"])
	for name, value := range request.CallbackHeaders {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Error(err)
		return
	}
	resp.Body.Close()
}

// check looks for secrets that narada has made, too.
func (c *echoCloud) check(what, text string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, value := range c.tickets {
		if secrettest.Reveals(text, value) {
			c.t.Errorf("%s has a secret of a ticket in it:\n%.3000s", what, text)
		}
	}
}

// run is leakWorld.run, which looks for secrets that narada has made, too.
func (c *echoCloud) run(w *leakWorld, said string, args ...string) {
	w.t.Helper()
	var stdout, stderr found
	w.app(&stdout, &stderr, args...).Run(w.t.Context())
	text := stdout.String() + stderr.String()
	if !strings.Contains(text, said) {
		w.t.Errorf("%q: there is no %q in\n%.3000s", args, said, text)
	}
	w.look(strings.Join(args, " "), text)
	c.check(strings.Join(args, " "), text)
}

func leaksOfAnswers(t *testing.T, w *leakWorld) {
	c, secrets := newEchoCloud(t, w)
	for _, status := range []string{"success", "error", "input-required", "refused"} {
		for _, how := range [][]string{{}, {"-o", "json"}, {"--jq", ".note, .response"}, {"-v", "--log-format", "json"}} {
			for _, via := range [][]string{{"--via", "poll"}, {"--via", "callback", "--local"}} {
				c.run(w, "***", slices.Concat([]string{"run"}, how, via, secrets, []string{"/Operator " + status})...)
			}
		}
	}
	for _, how := range [][]string{{}, {"-o", "json"}} {
		c.run(w, "it was ***", slices.Concat([]string{"history", "show", "req_1"}, how)...)
		c.run(w, "req_1", slices.Concat([]string{"history"}, how)...)
	}
	w.lookInFiles()
}

// A command that has not sent the task knows the API key only.
func leaksOfStatus(t *testing.T, w *leakWorld) {
	c, secrets := newEchoCloud(t, w)
	c.run(w, "req_1", slices.Concat([]string{"dispatch", "-v"}, secrets, []string{"/Operator success"})...)
	w.unknown = []string{"TASK_PASSWORD", "MCP_TOKEN", "MCP_HEADER", "CLOUD_TOKEN"}
	for _, how := range [][]string{{}, {"-o", "json"}, {"--wait", "-v"}} {
		c.run(w, "it was ***", slices.Concat([]string{"status", "--last"}, how)...)
	}
	w.lookInFiles()
}

func leaksOfBatches(t *testing.T, w *leakWorld) {
	c, secrets := newEchoCloud(t, w)
	prompts := w.file("prompts.txt", "/Operator success\n/Operator error\n/Operator input-required\n/Operator refused\n")
	for _, via := range [][]string{{"--via", "poll"}, {"--via", "callback", "--local"}} {
		c.run(w, "it was ***", slices.Concat([]string{"batch", "run", prompts, "--name", via[1], "-v"}, via, secrets)...)
		// The ledger has the answers.
		results := filepath.Join(w.dir, via[1]+".jsonl")
		c.run(w, "3 of 4", slices.Concat([]string{"batch", "run", prompts, "--name", via[1], "--results", results}, via, secrets)...)
		written, err := os.ReadFile(results)
		if err != nil || !strings.Contains(string(written), "it was ***") {
			t.Errorf("%v, %s", err, written)
		}
		w.look(results, string(written))
		c.check(results, string(written))
		c.run(w, "it was ***", slices.Concat([]string{"batch", "run", prompts, "--name", via[1], "--jq", ".note"}, via, secrets)...)
		c.run(w, "***", "batch", "show", via[1])
		c.run(w, "***", "batch", "show", via[1], "-o", "json")
		c.run(w, via[1], "batch", "list")
		c.run(w, "it was ***", "batch", "results", via[1], "--jq", ".response")
	}
	w.lookInFiles()
}
