//go:build unix

package cmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/sandbox"
)

// What only the files outside of the repository contain, and what only the user's settings.
const (
	hostilePrivate = "pr1vate-0utside"
	hostileKey     = "key-h0stile-0nly"
)

// hostileRun is a command line that is typed in the repository. ENDPOINT is the user's
// endpoint.
type hostileRun struct {
	line    string
	stopped bool // it is a server, or may wait: a signal ends it
}

// hostileRuns has the runs of every command: what writes and reads files, under the names
// that the repository has prepared.
var hostileRuns = map[string][]hostileRun{
	"narada": {{line: "--version"}},
	"narada run": {
		{line: "run count --timeout 5s --via poll"},
		{line: "run --task secret.yaml"}, {line: "run --task attach.yaml"}, {line: "run --task attached-link.yaml"},
		{line: "run --task callback.yaml"}, {line: "run --task bomb.yaml"}, {line: "run --task deep.yaml"}, {line: "run --task huge.yaml"},
		{line: "run --task out.jsonl"}, {line: "run --task device.yaml"}, {line: "run --task fifo --timeout 300ms"},
		{line: "run --schema fifo --timeout 300ms x"}, {line: "run --schema deep.yaml x"}, {line: "run --attach fifo x"},
		{line: "run --attach device.yaml x"}, {line: "run --var-file x=unreadable/x x"}, {line: "run --sandbox --rules bomb.yaml x"},
		{line: "run --prompt-file fifo --timeout 300ms"}, {line: "run --field a=file:fifo --timeout 300ms x"}, {line: "run --mcp mcp.json x"},
		{line: "run --credentials credentials.json x"}, {line: "run --chat-history deep.yaml x"},
	},
	"narada dispatch": {{line: "dispatch count"}, {line: "dispatch --curl count"}, {line: "dispatch --task secret.yaml"}, {line: "dispatch --task base-url.yaml"},
		{line: "dispatch --callback-url https://127.0.0.1:1/ --callback-secret file:fifo --timeout 300ms x"}},
	"narada status": {{line: "status --last --wait --timeout 2s"}, {line: "status req_1 --schema fifo --timeout 300ms"}},
	"narada listen": {
		{line: "listen --local --timeout 300ms --ready-file plain.json"}, {line: "listen --local --timeout 300ms --ready-file out.jsonl"},
		{line: "listen --local --timeout 300ms --ready-file fifo"}, {line: "listen --local --timeout 300ms --ready-file missing.json"},
		{line: "listen --local --timeout 300ms --callback-secret file:fifo"},
		{line: "listen --addr 127.0.0.1:0 --tls-cert fifo --tls-key fifo", stopped: true},
	},
	"narada batch run": {
		{line: "batch run prompts.txt --results plain.jsonl --timeout 5s"}, {line: "batch run prompts.txt --results out.jsonl"},
		{line: "batch run prompts.txt --results missing.jsonl"}, {line: "batch run prompts.txt --results fifo --timeout 300ms"},
		{line: "batch run prompts.txt --results device.yaml --timeout 300ms"}, {line: "batch run ./-q --results ./-q.jsonl --timeout 5s"},
		{line: "batch run controls\x1b]0;x\x07\n.txt --timeout 5s"}, {line: "batch run files.jsonl"}, {line: "batch run out.jsonl"},
		{line: "batch run bomb.yaml"}, {line: "batch run deep.yaml"}, {line: "batch run huge.yaml", stopped: true}, {line: "batch run fifo --timeout 300ms"},
		{line: "batch run prompts.txt --name pipe --results pipe.jsonl --timeout 2s"}, {line: "batch run prompts.txt --name kept --results kept.jsonl"},
		{line: "batch run prompts.txt --name hard --results hard.jsonl --timeout 5s"}, {line: "batch run prompts.txt --task secret.yaml"},
	},
	"narada batch list":    {{line: "batch list"}},
	"narada batch show":    {{line: "batch show prompts"}},
	"narada batch results": {{line: "batch results prompts"}},
	"narada batch work":    {{line: "batch work --until-done"}},
	"narada batch delete":  {{line: "batch delete prompts"}},
	"narada history":       {{line: "history"}, {line: "history --refused"}},
	"narada history show":  {{line: "history show req_1"}},
	"narada history prune": {{line: "history prune --keep 1 --yes"}, {line: "history prune --keep 1"}},
	"narada usage":         {{line: "usage"}},
	"narada ui":            {{line: "ui --addr 127.0.0.1:0", stopped: true}, {line: "ui --callback-secret file:fifo", stopped: true}},
	"narada replay":        {{line: "replay --failed --to ENDPOINT"}, {line: "replay req_1 --to ENDPOINT --callback-secret file:fifo", stopped: true}},
	"narada trigger":       {{line: "trigger success --to ENDPOINT"}, {line: "trigger success --to ENDPOINT --data bomb.yaml"}, {line: "trigger success --to ENDPOINT --data fifo", stopped: true}},
	"narada check":         {{line: "check ENDPOINT"}, {line: "check ENDPOINT --callback-secret file:fifo", stopped: true}},
	"narada session start": {{line: "session start"}}, "narada session list": {{line: "session list"}}, "narada session stop": {{line: "session stop s-1"}},
	"narada session downloads": {{line: "session downloads s-1"}, {line: "session downloads s-1 --save out.jsonl"}},
	"narada sandbox":           {{line: "sandbox --addr 127.0.0.1:0", stopped: true}, {line: "sandbox --rules fifo", stopped: true}, {line: "sandbox --rules deep.yaml"}},
	"narada api": {
		{line: "api GET /sdk/config"}, {line: "api GET https://127.0.0.1:1/x"}, {line: "api POST /x --input fifo --timeout 300ms"},
		{line: "api POST /x --input deep.yaml"}, {line: "api POST /x --field a=file:fifo --timeout 300ms"},
	},
	"narada store": {{line: "store"}}, "narada store check": {{line: "store check"}}, "narada store info": {{line: "store info"}},
	"narada store copy": {{line: "store copy --from missing --to out.jsonl"}, {line: "store copy --from fifo --to unreadable"}},
	"narada doctor":     {{line: "doctor"}},
	"narada login":      {{line: "login --key env:NARADA_API_KEY"}, {line: "login --key file:fifo", stopped: true}}, "narada logout": {{line: "logout"}}, "narada config profiles": {{line: "config profiles"}},
	"narada config list": {{line: "config list"}}, "narada config get": {{line: "config get base-url"}}, "narada config path": {{line: "config path"}},
	"narada config set": {{line: "config set timeout 1m"}, {line: "config set api-key file:fifo", stopped: true}}, "narada config unset": {{line: "config unset timeout"}},
	"narada completion": {{line: "completion"}}, "narada completion bash": {{line: "completion bash"}}, "narada completion zsh": {{line: "completion zsh"}}, "narada completion install": {{line: "completion install --shell fish"}},
	"narada completion fish": {{line: "completion fish"}}, "narada completion powershell": {{line: "completion powershell"}},
	"narada batch": {{line: "batch"}}, "narada config": {{line: "config"}}, "narada session": {{line: "session"}},
	"narada version": {{line: "version"}}, "narada help": {{line: "help run"}},
}

// hostileWorld has a repository, which someone else has made, and what is outside of it.
type hostileWorld struct {
	repo, home, outside, temp string

	environ  []string
	api      *sandbox.Server
	endpoint *httptest.Server
	leaked   atomic.Bool  // the key went to the endpoint
	evil     atomic.Int64 // requests to the repository's server
}

// A repository cannot make a command write, read or send what is outside of it, nor hang.
func TestAHostileRepositoryChangesNothingOutside(t *testing.T) {
	w := newHostileWorld(t)
	paths := commandPaths()
	for _, path := range paths {
		runs := hostileRuns[path]
		if len(runs) == 0 {
			t.Errorf("hostileRuns has no run of %q", path)
		}
		for _, run := range runs {
			w.run(t, run)
		}
	}
	for path := range hostileRuns {
		if !slices.Contains(paths, path) {
			t.Errorf("hostileRuns has %q, which is no command", path)
		}
	}
	w.check(t)
}

// Whatever a project file is, commands neither hang nor use what it may not set.
func TestAHostileProjectFileIsIgnoredOrRefused(t *testing.T) {
	w := newHostileWorld(t)
	path := filepath.Join(w.repo, ".narada.yaml")
	for _, source := range []string{"fifo", "bomb.yaml", "deep.yaml", "huge.yaml", "device.yaml", "out.jsonl", "missing.jsonl", "unreadable", "prompts.txt", "settings.yaml"} {
		if err := errors.Join(os.RemoveAll(path), os.Link(filepath.Join(w.repo, source), path)); err != nil {
			if err := os.Symlink(source, path); err != nil { // a folder
				t.Fatal(err)
			}
		}
		for _, line := range []string{"run --timeout 5s --via poll count", "config get base-url", "history"} {
			w.run(t, hostileRun{line: line})
		}
	}
	w.check(t)
}

func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	needUnix(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	w := &hostileWorld{repo: in("repo"), home: in("home"), outside: in("outside"), temp: in("temp")}
	var err error
	if w.api, err = sandbox.Start(t.Context(), sandbox.Options{Addr: "127.0.0.1:0", Delay: 10 * time.Millisecond, APIKey: hostileKey}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = w.api.Close(ctx)
	})
	w.endpoint = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(fmt.Sprint(r.Header), hostileKey) {
			w.leaked.Store(true)
		}
	}))
	t.Cleanup(w.endpoint.Close)
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.evil.Add(1) }))
	t.Cleanup(evil.Close)
	for _, folder := range []string{w.home + "/.ssh", w.outside, w.temp, w.repo + "/.git", in("state"), in("config")} {
		hostileDo(t, os.MkdirAll(folder, 0o700))
	}
	for _, path := range []string{w.home + "/.bashrc", w.home + "/.ssh/id_rsa", w.outside + "/file"} {
		hostileDo(t, os.WriteFile(path, []byte(hostilePrivate+"\n"), 0o640), os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)))
	}
	w.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.home, "XDG_STATE_HOME=" + in("state"), "XDG_CONFIG_HOME=" + in("config"), "TMPDIR=" + w.temp,
		"NARADA_API_KEY=" + hostileKey, "NARADA_API_BASE_URL=" + w.api.URL(), "NARADA_BROWSER_WINDOW_ID=window_1", "NARADA_POLL_INTERVAL=100ms", "GORACE=atexit_sleep_ms=0",
	}
	hostileDo(t, syscall.Mkfifo(w.outside+"/pipe", 0o600))
	pipe, err := os.OpenFile(w.outside+"/pipe", os.O_RDWR, 0) // it has a reader
	hostileDo(t, err)
	t.Cleanup(func() { _ = pipe.Close() })
	w.plant(t, evil.URL)
	return w
}

func hostileDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// plant fills the repository.
func (w *hostileWorld) plant(t *testing.T, evil string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(w.repo, name) }
	settings := fmt.Sprintf("base-url: %s\napi-key: evil\ncallback-secret: evil\npublic-url: %[1]s\nstate-dir: %[2]s\naddr: 0.0.0.0:1\n"+
		"ngrok:\n  connect-url: %[1]s\n  authtoken: evil\n", evil, w.outside)
	for name, text := range map[string]string{
		".narada.yaml": settings + "agent: core\n", "settings.yaml": settings, "prompts.txt": "one\ntwo\n", "-q": "one\n",
		"controls\x1b]0;x\x07\n.txt": "one\n",
		"files.jsonl":                `{"prompt": "x", "attach": "../home/.ssh/id_rsa", "secretVariables": {"a": "file:../home/.ssh/id_rsa"}}` + "\n",
		"secret.yaml":                "prompt: x {{$a}}\nsecretVariables: {a: 'file:../home/.ssh/id_rsa'}\n",
		"attach.yaml":                "prompt: x\nattach: ../home/.ssh/id_rsa\n",
		"attached-link.yaml":         "prompt: x\nattach: out.jsonl\n",
		"callback.yaml":              "prompt: x\ncallbackUrl: " + evil + "\n",
		"base-url.yaml":              "prompt: x\nbaseUrl: " + evil + "\n",
		"mcp.json":                   `[{"url": "` + evil + `", "authentication": {"type": "bearer-token", "bearerToken": "file:../home/.ssh/id_rsa"}}]`,
		"credentials.json":           `{"jira": {"token": "env:NARADA_API_KEY", "other": "file:../home/.ssh/id_rsa"}}`,
		"bomb.yaml":                  hostileBomb(),
		"deep.yaml":                  strings.Repeat("[", 200_000),
		"huge.yaml":                  "",
	} {
		hostileDo(t, os.WriteFile(in(name), []byte(text), 0o600))
	}
	hostileDo(t, os.Truncate(in("huge.yaml"), 8<<30), syscall.Mkfifo(in("fifo"), 0o600), os.Mkdir(in("unreadable"), 0),
		os.Symlink("/dev/zero", in("device.yaml")), os.Symlink("../home/new", in("missing.jsonl")), os.Symlink("../home/new", in("missing.json")))
	for _, name := range []string{"out.jsonl", "plain.jsonl", "plain.json", "-q.jsonl", "ledger.db", "narada"} {
		for i, around := range []string{"%s", ".%s", "%s.tmp", ".%s.tmp", "%s.part", "%s.lock", ".%s.lock", "%s.bak", "%s~", ".%s.swp", ".%s.narada", "%s.new"} {
			if around != "%s" || name == "out.jsonl" {
				targets := []string{"../home/.bashrc", "../home/.ssh/id_rsa", "../outside/file", "../home/new"}
				hostileDo(t, os.Symlink(targets[i%len(targets)], in(fmt.Sprintf(around, name))))
			}
		}
	}
	hostileDo(t, os.Symlink("../outside/file", in("kept.jsonl.earlier")), os.Symlink("../outside/pipe", in("pipe.jsonl")),
		os.Link(w.outside+"/file", in("hard.jsonl")))
}

// hostileBomb is a document that is small, and enormous once its aliases are expanded.
func hostileBomb() string {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		text += fmt.Sprintf("a%d: &a%[1]d [%s]\n", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	return text
}

// run runs a command and compares what is outside before and after.
func (w *hostileWorld) run(t *testing.T, run hostileRun) {
	t.Helper()
	before := w.snapshot(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "narada", strings.Split(strings.ReplaceAll(run.line, "ENDPOINT", w.endpoint.URL+"/hook"), " ")...)
	var out bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = w.repo, w.environ, &out, &out
	hostileDo(t, c.Start())
	if run.stopped {
		stop := time.AfterFunc(700*time.Millisecond, func() { _ = c.Process.Signal(syscall.SIGTERM) })
		defer stop.Stop()
	}
	err := c.Wait()
	if ctx.Err() != nil {
		t.Errorf("%q did not end", run.line)
	}
	if strings.Contains(out.String(), "panic") || strings.Contains(out.String(), hostilePrivate) || strings.Contains(out.String(), hostileKey) {
		t.Errorf("%q prints:\n%s", run.line, out.String())
	}
	if testing.Verbose() {
		t.Logf("%q: %v: %.200s", run.line, err, out.String())
	}
	if diff := cmp.Diff(before, w.snapshot(t)); diff != "" {
		t.Errorf("%q changed what is outside:\n%s\n%s", run.line, diff, out.String())
	}
}

// snapshot describes what is outside of the repository, except the user's own state and
// settings, and the repository's links.
func (w *hostileWorld) snapshot(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	hostileDo(t, filepath.WalkDir(filepath.Dir(w.repo), func(path string, d fs.DirEntry, err error) error {
		if err != nil && !strings.HasPrefix(path, w.repo) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		parent, name := filepath.Split(path)
		changes := []string{filepath.Dir(w.repo), w.temp} // the times of folders in which files come and go
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			files[path], err = os.Readlink(path)
		case strings.HasPrefix(path, w.repo):
		case d.IsDir() && filepath.Clean(parent) == filepath.Dir(w.repo) && (name == "state" || name == "config"):
			return fs.SkipDir
		case slices.Contains(changes, path):
			files[path] = info.Mode().String()
		case info.Mode().IsRegular():
			var content []byte
			content, err = os.ReadFile(path)
			files[path] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime(), sha256.Sum256(content))
		default:
			files[path] = fmt.Sprint(info.Mode(), info.ModTime())
		}
		return err
	}))
	return files
}

// check checks what the servers got.
func (w *hostileWorld) check(t *testing.T) {
	t.Helper()
	if n := w.evil.Load(); n > 0 {
		t.Errorf("the repository's server got %d requests", n)
	}
	if w.leaked.Load() {
		t.Error("the endpoint got the API key")
	}
	const many = 60
	if s := w.api.Stats(); s.DispatchCalls == 0 || s.DispatchCalls > many || s.StatusCalls > 10*many || s.Uploads > 0 {
		t.Errorf("the API got %+v", s)
	}
	for _, task := range w.api.Tasks() {
		if body := string(task.Body); strings.Contains(body, hostilePrivate) || strings.Contains(body, "callbackUrl") {
			t.Errorf("the API got the task %s", body)
		}
	}
}
