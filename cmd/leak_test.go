package cmd

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret/secrettest"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// leakSecrets are the secrets of a leakWorld by environment variable. Each has characters
// that some format escapes.
func leakSecrets() map[string]string {
	return map[string]string{
		"HOOK_SECRET": `shop"s3cret<1>/` + "\u00e9&x", "HOOK_AUTH": `Bearer t0ken+/"q"<2>=&`, "HOOK_SHOP": `he4der-"h"<3>&/`,
		"NARADA_API_KEY": `key-5ecret"<4>&/+`, "NGROK_AUTHTOKEN": `ngr0k-t0ken"<5>&/`, "TASK_PASSWORD": `p4ss"word<6>&/`,
		"MCP_TOKEN": `mcp-t0ken"<7>&/`, "MCP_HEADER": `mcp-he4der"<8>&/`, "CLOUD_TOKEN": `cl0ud-"<9>&/`,
	}
}

// leakWorld has an API and an endpoint whose answers repeat the secrets that they receive.
type leakWorld struct {
	t           *testing.T
	env         map[string]string
	dir         string
	hook        *httptest.Server
	status      int      // of the endpoint's answer to a callback that it refuses
	customThing string   // a header of callbacks
	unknown     []string // secrets that the commands cannot know
	ran         []string // the command lines
	summaries   int      // of steps that were looked at
	environ     []string // for the commands of listen
	accept      func(*http.Request) bool
	write       func(string) string
}

func newLeakWorld(t *testing.T) *leakWorld {
	w := &leakWorld{t: t, env: leakSecrets(), dir: t.TempDir(), status: http.StatusOK, accept: func(*http.Request) bool { return false }}
	w.env["HOME"], w.env["NARADA_STATE_DIR"] = t.TempDir(), filepath.Join(w.dir, "state")
	w.env["NARADA_BROWSER_WINDOW_ID"], w.env["NARADA_POLL_INTERVAL"] = "window_1", "100ms"
	w.write = secrettest.Forms()["as it is"]
	w.hook = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var shown struct{ Secret string }
		_ = json.Unmarshal(body, &shown)
		if w.accept(r) {
			return
		}
		rw.WriteHeader(w.status)
		for _, text := range []string{shown.Secret, r.Header.Get("Authorization"), r.Header.Get("X-Shop"), string(body[:min(len(body), 300)])} {
			_, _ = io.WriteString(rw, w.write(text)+"\n")
		}
	}))
	t.Cleanup(w.hook.Close)
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var shown narada.Request
		_ = json.Unmarshal(body, &shown)
		rw.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(rw).Encode(map[string]string{"detail": w.write(r.Header.Get("x-api-key")) + " " + w.write(shown.CallbackSecret) + " " + w.write(shown.SecretVariables["pw"])})
	}))
	t.Cleanup(api.Close)
	w.env["NARADA_API_BASE_URL"] = api.URL
	return w
}

func (w *leakWorld) app(stdout, stderr io.Writer, args ...string) *App {
	w.ran = append(w.ran, "narada "+strings.Join(args, " ")+" ")
	return &App{
		Args: args, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Dir: w.dir, Random: rand.Reader,
		Lookup:  func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		Environ: func() []string { return w.environ },
	}
}

// run runs a command and looks for secrets in its output. The output must have the text
// said, which shows that the command printed the answer. Every second command is in a step of
// GitHub Actions.
func (w *leakWorld) run(what string, said string, args ...string) {
	w.t.Helper()
	w.env["GITHUB_ACTIONS"], w.env["GITHUB_STEP_SUMMARY"] = fmt.Sprint(len(w.ran)%2 == 0), filepath.Join(w.dir, "summary.md")
	var stdout, stderr found // the ngrok library may log after the command has ended
	code := w.app(&stdout, &stderr, args...).Run(w.t.Context())
	if text := stdout.String() + stderr.String(); !strings.Contains(text, said) {
		w.t.Errorf("%s, %s: there is no %q, code %d\n%s", what, strings.Join(args, " "), said, code, text)
	}
	w.look(what+", "+strings.Join(args, " ")+": stdout", stdout.String())
	w.look(what+", "+strings.Join(args, " ")+": stderr", stderr.String())
	if summary, err := os.ReadFile(w.env["GITHUB_STEP_SUMMARY"]); err == nil {
		w.summaries++
		w.look(what+", "+strings.Join(args, " ")+": summary", html.UnescapeString(string(summary)))
	}
	_ = os.Remove(w.env["GITHUB_STEP_SUMMARY"])
}

// look looks for secrets in a text.
func (w *leakWorld) look(what, text string) {
	w.t.Helper()
	for name, value := range leakSecrets() {
		value = strings.TrimPrefix(value, "Bearer ")
		if !slices.Contains(w.unknown, name) && secrettest.Reveals(text, value) {
			w.t.Errorf("%s has %s in it:\n%.3000s", what, name, text)
		}
	}
}

var printable = regexp.MustCompile(`[[:print:]\x80-\xff]{4,}`)

// lookInFiles looks for secrets in the files of the state folder.
func (w *leakWorld) lookInFiles() {
	w.t.Helper()
	seen := 0
	err := filepath.WalkDir(w.env["NARADA_STATE_DIR"], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		seen += len(content)
		w.look(path, string(bytes.Join(printable.FindAll(content, -1), []byte("\n"))))
		return err
	})
	if err != nil || seen == 0 {
		w.t.Errorf("%d bytes, %v", seen, err)
	}
}

// withCredentials adds the flags with the credentials of a callback.
func withCredentials(args ...string) []string {
	return append(args, "--callback-secret", "env:HOOK_SECRET", "--callback-header", "Authorization: env:HOOK_AUTH", "--callback-header", "X-Shop: env:HOOK_SHOP")
}

// formNames are the ways to escape a text, in order. Under the race detector, which makes
// masking ten times as slow, they are one in eight: races do not depend on them.
func formNames() []string {
	names := slices.Sorted(maps.Keys(secrettest.Forms()))
	if !raceDetector {
		return names
	}
	var few []string
	for i := 0; i < len(names); i += 8 {
		few = append(few, names[i])
	}
	return few
}

// eachForm calls f once for each way to escape a text, in which the answers are written.
func (w *leakWorld) eachForm(f func(name string)) {
	for _, name := range formNames() {
		w.write = secrettest.Forms()[name]
		f(name)
	}
}

func leaksOfTrigger(t *testing.T, w *leakWorld) {
	w.eachForm(func(name string) {
		for _, w.status = range []int{200, 400} {
			w.run(name, "***", withCredentials("trigger", "success", "--to", w.hook.URL)...)
			w.run(name, "***", withCredentials("trigger", "success", "--to", w.hook.URL, "-o", "json", "-v", "--log-format", "json")...)
		}
	})
}

func leaksOfChecks(t *testing.T, w *leakWorld) {
	edge, err := ngroktest.New(ngroktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer edge.Close()
	w.status = 500
	w.accept = func(r *http.Request) bool { // the first requests; without them, the others are not sent
		return slices.Contains([]string{"redirect", "proof", "success"}, r.Header.Get("Narada-Check"))
	}
	ca := filepath.Join(w.dir, "ca.pem")
	if err := os.WriteFile(ca, edge.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env["NARADA_NGROK_CONNECT_URL"], w.env["NARADA_NGROK_CONNECT_CAS"] = edge.ConnectURL(), ca
	for _, name := range []string{"as it is", "JSON in JSON", "query", "Basic without a user"} {
		w.write = secrettest.Forms()[name]
		edge.RefuseAuth("ERR_NGROK_999", w.write(w.env["NGROK_AUTHTOKEN"]))
		w.run(name, "***", withCredentials("check", w.hook.URL+"/hook", "--allow-http")...)
		w.run(name, "***", withCredentials("doctor", "--endpoint", w.hook.URL+"/hook", "--allow-http", "-v", "-o", "json")...)
		w.run(name, "ngrok refused: ", "doctor", "-v")
	}
}

func leaksOfRefusals(t *testing.T, w *leakWorld) {
	prompts := filepath.Join(w.dir, "prompts.txt")
	if err := os.WriteFile(prompts, []byte("count\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.eachForm(func(name string) {
		w.run(name, "***", withCredentials("dispatch", "-v", "--secret-var", "pw=env:TASK_PASSWORD", "--callback-url", w.hook.URL, "count")...)
		w.run(name, "***", "run", "-v", "--log-format", "json", "-o", "json", "--via", "poll", "--secret-var", "pw=env:TASK_PASSWORD", "count")
		w.run(name, "***", "batch", "run", prompts, "--name", strings.Map(wordOnly, name), "--via", "poll", "--secret-var", "pw=env:TASK_PASSWORD", "-v")
	})
	w.lookInFiles()
	if w.summaries < len(formNames())/2 {
		t.Errorf("only %d summaries", w.summaries)
	}
	w.run("", "refused", "history", "-o", "json")
	w.run("", `"request":{`, "history", "show", "#1", "-o", "json")
	w.run("", "request ", "history", "show", "#1")
}

func wordOnly(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '-'
}

// found is a writer that signals when a text has been written to it.
type found struct {
	text string

	mu      sync.Mutex
	content bytes.Buffer
	told    chan struct{}
}

func (f *found) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content.Write(p)
	if f.told != nil && strings.Contains(f.content.String(), f.text) {
		close(f.told)
		f.told = nil
	}
	return len(p), nil
}

func (f *found) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content.String()
}

// testListener is a running listen command.
type testListener struct {
	w              *leakWorld
	url            string // of its own ticket
	stdout, stderr *found
	interrupt      func()
	ended          chan int
}

// listen starts a listener, and returns when it has printed that it listens, or text.
func (w *leakWorld) listen(text string, args ...string) *testListener {
	w.t.Helper()
	ready := filepath.Join(w.dir, "ready.json")
	ctx, cancel := context.WithCancelCause(w.t.Context())
	l := &testListener{w: w, stdout: &found{}, stderr: &found{text: text, told: make(chan struct{})}, ended: make(chan int, 1)}
	l.interrupt = func() { cancel(&signals.Error{Signal: os.Interrupt}) }
	told := l.stderr.told
	go func() {
		l.ended <- w.app(l.stdout, l.stderr, append([]string{"listen", "--local", "-v", "--ready-file", ready}, args...)...).Run(ctx)
	}()
	select {
	case <-told:
	case code := <-l.ended:
		w.t.Fatalf("listen ended with %d: %s", code, l.stderr)
	}
	content, err := os.ReadFile(ready)
	var at struct{ URL string }
	if err != nil || json.Unmarshal(content, &at) != nil {
		w.t.Fatalf("ready file: %v, %s", err, content)
	}
	l.url = at.URL
	return l
}

// post sends a callback with a secret and a header.
func (l *testListener) post(path, id, secret, shop string) {
	l.w.t.Helper()
	body, _ := json.Marshal(map[string]any{"requestId": id, "status": "success", "secret": secret, "completedAt": "2026-01-02T03:04:05Z", "response": map[string]string{"text": "hi"}})
	r, err := http.NewRequestWithContext(l.w.t.Context(), http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		l.w.t.Fatal(err)
	}
	if path != "" {
		r.URL.Path = path
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {l.w.env["HOOK_AUTH"]}, "X-Shop": {shop}, "X-Copy": {"was " + shop}, "X-Custom-Thing": {l.w.customThing}, "User-Agent": {l.w.env["NARADA_API_KEY"]}}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.w.t.Fatal(err)
	}
	resp.Body.Close()
}

// end waits for the listener to end, and looks for secrets in its output.
func (l *testListener) end(code int) {
	l.w.t.Helper()
	if got := <-l.ended; got != code {
		l.w.t.Errorf("listen ends with %d, want %d: %s", got, code, l.stderr)
	}
	l.w.look("listen: stdout", l.stdout.String())
	l.w.look("listen: stderr", l.stderr.String())
}

func leaksOfCallbacks(t *testing.T, w *leakWorld) {
	secret, shop := w.env["HOOK_SECRET"], w.env["HOOK_SHOP"]
	for id, status := range map[string]int{"req_taken": 200, "req_given_up": 400} {
		w.status = status
		l := w.listen("listening on", withCredentials("-o", "json", "--count", "1", "--forward-to", w.hook.URL, "--forward-header", "X-Shop: env:HOOK_SHOP")...)
		l.post("", id, "wrong", shop)
		l.post("", id, secret, "wrong")
		l.post("", id, secret, shop)
		l.end(map[int]int{200: codeDone, 400: codeFailed}[status])
		if !strings.Contains(l.stdout.String(), id) || !strings.Contains(l.stderr.String(), "refused a POST with 401") {
			t.Errorf("listen printed %s and %s", l.stdout, l.stderr)
		}
	}
	w.lookInFiles()
	w.eachForm(func(name string) {
		for _, w.status = range []int{200, 400} {
			w.run(name, "req_taken", withCredentials("replay", "req_taken", "--to", w.hook.URL, "-v")...)
			w.run(name, "***", withCredentials("replay", "req_taken", "--to", w.hook.URL, "-o", "json")...)
		}
		w.run(name, "***", withCredentials("replay", "--failed", "-o", "json")...)
	})
	for _, id := range []string{"req_taken", "req_given_up"} {
		w.run("", "X-Shop: ***", "history", "show", id)
		w.run("", `"X-Copy":["***"]`, "history", "show", id, "-o", "json")
	}
	w.lookInFiles()
}

// A refused callback is stored with its headers, whose values are masked.
func leaksOfRefusedCallbacks(t *testing.T, w *leakWorld) {
	l := w.listen("listening on")
	// The callback of trigger has its own ticket.
	w.run("", "200", withCredentials("trigger", "success", "--to", "listener", "-v")...)
	ledger, err := sqlite.Open(t.Context(), w.env["NARADA_STATE_DIR"], sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var task store.Task
	err = ledger.Tasks(t.Context(), store.Query{Samples: true, Limit: 1}, func(sample store.Task) error { task = sample; return nil })
	if err := errors.Join(err, ledger.Close()); err != nil {
		t.Fatal(err)
	}
	w.customThing = "password-of-another-system"
	l.post(task.TicketPath, task.RequestID, "wrong", w.env["HOOK_SHOP"])
	l.interrupt()
	l.end(codeDone)
	w.lookInFiles()
	w.run("", "with 401: wrong secret", "history", "show", task.RequestID)
	w.run("", `"X-Shop":["***"]`, "history", "show", task.RequestID, "-o", "json")
	w.run("", `"X-Custom-Thing":["***"]`, "history", "show", task.RequestID, "-o", "json")
	w.run("", `"User-Agent":["***"]`, "history", "show", task.RequestID, "-o", "json")
}

// With --show-secret, the secret is printed.
func TestListenShowsItsSecretWhenAsked(t *testing.T) {
	w := newLeakWorld(t)
	l := w.listen("callbackHeaders X-Shop", withCredentials("--show-secret")...)
	l.interrupt()
	if code := <-l.ended; code != codeDone {
		t.Errorf("listen ends with %d: %s", code, l.stderr)
	}
	for _, want := range []string{"callbackSecret " + w.env["HOOK_SECRET"] + "\n", "callbackHeaders X-Shop: " + w.env["HOOK_SHOP"] + "\n"} {
		if !strings.Contains(l.stderr.String(), want) {
			t.Errorf("there is no %q in %s", want, l.stderr)
		}
	}
}
