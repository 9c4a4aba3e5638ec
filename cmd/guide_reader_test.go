package cmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// guideReader types the commands of one guide, in a folder of its own that has the files
// of docs/examples.
type guideReader struct {
	dir     string
	env     []string
	ports   *strings.Replacer // from the ports in the guides to free ones
	waiting map[string]*guideJob
	printed strings.Builder // by all commands
}

// guideJob is a command that runs until it is interrupted.
type guideJob struct {
	cmd    *exec.Cmd
	stdout *watched
	stderr *watched
}

// guideVariables are the variables that the guides leave to the reader.
var guideVariables = []string{
	"SHOP_PASSWORD=t0p-s3cret", "FORM_PASSWORD=t0p-s3cret", "JIRA_TOKEN=t0p-s3cret", "CRM_TOKEN=t0p-s3cret", "PW=t0p-s3cret",
	"HOOK_SECRET=h00k-s3cret", "HOOK_TOKEN=Bearer h00k-t0ken",
	"window=window_1", "prompt=count the open issues of cli/cli",
}

// newGuideReader starts a sandbox and a stand-in for ngrok. NAME=VALUE are set as well.
func newGuideReader(t *testing.T, env ...string) *guideReader {
	t.Helper()
	r := &guideReader{dir: t.TempDir(), waiting: map[string]*guideJob{}}
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	check(os.CopyFS(r.dir, os.DirFS("../docs/examples")))
	check(os.Mkdir(filepath.Join(r.dir, "home"), 0o700))
	docs, err := filepath.Abs("../docs")
	check(err)
	check(os.Symlink(docs, filepath.Join(r.dir, "docs")))
	edge, err := ngroktest.New(ngroktest.Options{})
	check(err)
	t.Cleanup(edge.Close)
	roots := edge.CAs()
	ca := filepath.Join(r.dir, "home", "edge-ca.pem")
	check(os.WriteFile(ca, edge.CAPEM(), 0o600))
	_, err = writeCert(r.dir)
	check(err)
	check(os.Link(filepath.Join(r.dir, "cert.pem"), filepath.Join(r.dir, "rootCA.pem")))
	cloud, err := sandbox.Start(context.Background(), sandbox.Options{
		Addr: "127.0.0.1:0", Delay: 20 * time.Millisecond, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	})
	check(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = cloud.Close(ctx)
	})
	var ports []string
	for _, port := range []string{"3000", "8080", "8443", "8787"} {
		_, free, err := net.SplitHostPort(freeAddress(t))
		check(err)
		ports = append(ports, ":"+port, ":"+free, "="+port, "="+free)
	}
	r.ports = strings.NewReplacer(ports...)
	r.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(r.dir, "home"), "TMPDIR=" + os.TempDir(), "TZ=Europe/Berlin", "GORACE=atexit_sleep_ms=0",
		"NARADA_API_BASE_URL=" + cloud.URL(), "NARADA_API_KEY=" + scriptKey, "NARADA_POLL_INTERVAL=100ms", "NARADA_TIMEOUT=10s",
		"NGROK_AUTHTOKEN=" + scriptToken, "NARADA_NGROK_CONNECT_URL=" + edge.ConnectURL(), "NARADA_NGROK_CONNECT_CAS=" + ca, "SSL_CERT_FILE=" + ca,
	}, env...)
	t.Cleanup(func() { r.endAll(t) })
	return r
}

// shell is a command in the shell of the reader, which keeps its variables from one
// command to the next.
func (r *guideReader) shell(ctx context.Context, text string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-c", `
		state=$HOME/variables
		[ ! -e "$state" ] || . "$state" 2>/dev/null
		trap 'declare -p >"$state"; kill $(jobs -p) 2>/dev/null' EXIT
		trap 'exit 143' TERM
		eval "$1"`, "bash", r.ports.Replace(text))
	c.Dir, c.Env = r.dir, r.env
	c.Stdin = strings.NewReader("typed-by-the-reader\n")
	return c
}

// types runs a command that ends by itself, and returns its exit code and what it prints.
func (r *guideReader) types(text string) (exitCode int, stdout, stderr string) {
	var out, err bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	c := r.shell(ctx, text)
	c.Stdout, c.Stderr = &out, &err
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 12 * time.Second // a little longer than NARADA_TIMEOUT
	listener, before := r.waiting["listen"], 0
	if listener != nil && strings.Contains(text, "--callback-url listener") {
		before = listener.callbacks()
	} else {
		listener = nil
	}
	exitCode = code(c.Run())
	r.printed.WriteString(out.String() + err.String())
	if listener != nil && eventually(func() bool { return listener.callbacks() > before }) != nil {
		return -1, out.String(), "the listener got no callback: " + listener.stderr.String()
	}
	return exitCode, out.String(), err.String()
}

// callbacks is the number of callbacks that a listener has printed, and forwarded if it
// forwards them.
func (j *guideJob) callbacks() int {
	printed := strings.Count(j.stdout.String(), "\n")
	if strings.Contains(j.cmd.Args[4], "--forward-to") {
		printed = min(printed, strings.Count(j.stderr.String(), " POST http"))
	}
	return printed
}

var guideJobs = regexp.MustCompile(`^(?:narada (listen|sandbox)|(PORT)=)`)

// job is the kind of a command that runs until it is interrupted, "" of another one.
func job(text string) string {
	m := guideJobs.FindStringSubmatch(text)
	if m == nil || strings.Contains(text, " --count ") {
		return ""
	}
	return m[1] + m[2]
}

// starts starts a command in another terminal, after the end of the last one of its kind.
func (r *guideReader) starts(t *testing.T, text string) {
	t.Helper()
	kind := job(text)
	r.end(t, kind)
	j := &guideJob{cmd: r.shell(context.Background(), "exec env "+text), stdout: &watched{}, stderr: &watched{re: regexp.MustCompile(`listen(ing|s) on |error:`)}}
	j.cmd.Stdout, j.cmd.Stderr = j.stdout, j.stderr
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.waiting[kind] = j
	ready := j.stderr.matches
	if kind == "PORT" {
		ready = func() bool { return r.endpointListens() }
	}
	if eventually(ready) != nil || strings.Contains(j.stderr.String(), "error:") {
		t.Errorf("it does not start: %s", j.stderr)
	}
}

// endpointListens tells whether there is a server on the port of the reader's endpoint.
func (r *guideReader) endpointListens() bool {
	c, err := net.Dial("tcp", r.ports.Replace("127.0.0.1:3000"))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// end presses Ctrl-C in the other terminal.
func (r *guideReader) end(t *testing.T, kind string) {
	t.Helper()
	j := r.waiting[kind]
	if j == nil {
		return
	}
	delete(r.waiting, kind)
	if err := j.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if got := code(j.cmd.Wait()); got != 0 && kind != "PORT" {
		t.Errorf("%s ends with %d: %s", j.cmd.Args[4], got, j.stderr)
	}
	r.printed.WriteString(j.stdout.String() + j.stderr.String())
}

func (r *guideReader) endAll(t *testing.T) {
	for _, kind := range []string{"listen", "PORT", "sandbox"} {
		r.end(t, kind)
	}
}

// prints tells whether a command has printed the line of a guide. IDs, durations and
// ports may differ, and "..." stands for any text.
func (r *guideReader) prints(line string) bool {
	pattern := regexp.QuoteMeta(strings.TrimSpace(r.ports.Replace(line)))
	pattern = regexp.MustCompile(`req_[0-9a-z]+`).ReplaceAllString(pattern, `req_\w+`)
	pattern = regexp.MustCompile(`[0-9]+(m?s)\b`).ReplaceAllString(pattern, `[0-9.]+m?s`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("..."), `.*`)
	return regexp.MustCompile(`(?m)` + pattern + `$`).MatchString(r.printed.String())
}

func (w *watched) matches() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.re.Match(w.text.Bytes())
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// missingTool is the first program of others that the command needs and this machine does
// not have.
func missingTool(text string) string {
	for _, m := range regexp.MustCompile(`(?m)(?:^|[|(] *|-- )(jq|curl|node|python)\b`).FindAllStringSubmatch(text, -1) {
		if _, err := exec.LookPath(m[1]); err != nil {
			return m[1]
		}
	}
	return ""
}

// unusedVariables are those of guideVariables that no guide names.
func unusedVariables(pages map[string]string) (unused []string) {
	for _, variable := range guideVariables {
		name, _, _ := strings.Cut(variable, "=")
		named := false
		for _, page := range pages {
			named = named || regexp.MustCompile(`\b`+name+`\b`).MatchString(page)
		}
		if !named {
			unused = append(unused, name)
		}
	}
	slices.Sort(unused)
	return unused
}
