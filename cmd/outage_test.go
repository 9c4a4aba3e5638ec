package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

// outage is how long the target is down if NARADA_OUTAGE is not set.
const outage = time.Second

// outageTasks have three callbacks each: an interim one, a final one, and another final one.
const outageTasks = 20

// target is an endpoint that can be down, and records the callbacks that it accepts.
type target struct {
	t       *testing.T
	address string
	server  *http.Server

	slow  time.Duration // before each answer
	began func()        // called when a callback arrives, if not nil

	mu    sync.Mutex
	taken map[string][]string // bodies by request ID
	count int
}

func newTarget(t *testing.T) *target {
	return &target{t: t, address: freeAddress(t), taken: map[string][]string{}}
}

func (t *target) up() {
	ln, err := net.Listen("tcp", t.address)
	if err != nil {
		t.t.Fatal(err)
	}
	t.server = &http.Server{Handler: t}
	go func() { _ = t.server.Serve(ln) }()
	t.t.Cleanup(func() { _ = t.server.Close() })
}

// ServeHTTP implements http.Handler.
func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	result, secret, parseErr := narada.ParseCallback(body)
	if err != nil || parseErr != nil || secret != "outage-s3cret" || r.Header.Get("X-Token") != "outage-t0ken" || r.Header.Get("X-Extra") != "yes" {
		t.t.Errorf("%v, %v: %v %s", err, parseErr, r.Header, body)
	}
	if t.began != nil {
		t.began()
	}
	time.Sleep(t.slow)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	t.taken[result.RequestID] = append(t.taken[result.RequestID], string(body))
}

func (t *target) has(n int) func() bool {
	return func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.count >= n
	}
}

// outageListen is a listen command that forwards callbacks.
type outageListen struct {
	t      *testing.T
	c      *exec.Cmd
	stderr bytes.Buffer
	ready  callbackTarget
}

func startOutageListen(t *testing.T, dir, to string) *outageListen {
	t.Helper()
	ready := filepath.Join(dir, "ready.json")
	_ = os.Remove(ready) // of one that was killed
	l := &outageListen{t: t, c: exec.Command("narada", "listen", "--local", "--forward-to", to, "--forward-header", "X-Extra: yes", "--ready-file", ready,
		"--callback-secret", "env:OUTAGE_SECRET", "--callback-header", "X-Token: env:OUTAGE_TOKEN")}
	l.c.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "NARADA_STATE_DIR="+filepath.Join(dir, "state"), "GORACE=atexit_sleep_ms=0",
		"OUTAGE_SECRET=outage-s3cret", "OUTAGE_TOKEN=outage-t0ken")
	l.c.Stderr = &l.stderr
	if err := l.c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.c.Process.Kill() })
	if err := eventually(func() bool {
		doc, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(doc, &l.ready) == nil
	}); err != nil {
		t.Fatalf("%v: %s", err, l.stderr.String())
	}
	return l
}

// post sends a callback and returns the status of the answer.
func (c callbackTarget) post(t *testing.T, body string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, c.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (l *outageListen) end(s syscall.Signal) {
	l.t.Helper()
	if err := l.c.Process.Signal(s); err != nil {
		l.t.Fatal(err)
	}
	_ = l.c.Wait()
	if s == syscall.SIGINT && l.c.ProcessState.ExitCode() != 0 {
		l.t.Fatalf("code %d: %s", l.c.ProcessState.ExitCode(), l.stderr.String())
	}
}

func (l *outageListen) send(body string) {
	l.t.Helper()
	if status := l.ready.post(l.t, body); status != http.StatusOK {
		l.t.Fatalf("status %d", status)
	}
}

// While the target is down and listen is restarted, no callback is lost, none arrives twice,
// and those of a task arrive in order.
func TestForwardingSurvivesAnOutageAndRestarts(t *testing.T) {
	needUnix(t)
	down := outage
	if d, err := time.ParseDuration(os.Getenv("NARADA_OUTAGE")); err == nil {
		down = d
	}
	dir, to := t.TempDir(), newTarget(t)
	sent := map[string][]string{}
	send := func(l *outageListen, i int, format string) {
		id := fmt.Sprintf("req_%d", i)
		body := fmt.Sprintf(format, id)
		l.send(body)
		sent[id] = append(sent[id], body)
	}
	const (
		phase   = `{"secret": "outage-s3cret","requestId":"%s","status":"input-required","completedAt":null}`
		final   = `{"requestId":"%s","status":"success","completedAt":"2026-01-02T03:04:05Z", "secret":"outage\u002ds3cret"}`
		further = `{"requestId":"%s","status":"success","completedAt":"2026-01-02T03:04:05Z","secret":"outage-s3cret","n":1.50}`
	)
	address := "http://" + to.address + "/hook"
	began := time.Now()
	l := startOutageListen(t, dir, address)
	for i := range outageTasks {
		send(l, i, phase)
	}
	l.end(syscall.SIGINT)
	l = startOutageListen(t, dir, address)
	for i := range outageTasks {
		send(l, i, final)
	}
	l.end(syscall.SIGKILL) // no callback was accepted yet, so none can arrive twice
	l = startOutageListen(t, dir, address)
	for i := range outageTasks / 2 {
		send(l, i, further)
	}
	time.Sleep(down - time.Since(began))
	to.up()
	for i := outageTasks / 2; i < outageTasks; i++ {
		send(l, i, further)
	}
	if err := eventually(to.has(20)); err != nil {
		t.Fatalf("%v: %s", err, l.stderr.String())
	}
	l.end(syscall.SIGINT)
	l = startOutageListen(t, dir, address)
	if err := eventually(to.has(3 * outageTasks)); err != nil {
		t.Fatalf("%v: %s", err, l.stderr.String())
	}
	l.end(syscall.SIGINT)
	startOutageListen(t, dir, address).end(syscall.SIGINT) // has nothing left to forward
	to.mu.Lock()
	defer to.mu.Unlock()
	if diff := cmp.Diff(sent, to.taken); diff != "" {
		t.Error(diff)
	}
}

// A listener that ends waits for the answer under way, so that the next one does not forward
// the callback again.
func TestListenWaitsForASlowTargetBeforeItEnds(t *testing.T) {
	needUnix(t)
	dir, to := t.TempDir(), newTarget(t)
	to.slow = 2 * time.Second
	began := make(chan struct{})
	to.began = sync.OnceFunc(func() { close(began) })
	to.up()
	address := "http://" + to.address + "/hook"
	l := startOutageListen(t, dir, address)
	l.send(`{"requestId":"req_1","status":"success","completedAt":"2026-01-02T03:04:05Z","secret":"outage-s3cret"}`)
	<-began
	l.end(syscall.SIGINT)
	if !strings.Contains(l.stderr.String(), "finishing the callback to "+address) {
		t.Errorf("stderr %s", l.stderr.String())
	}
	startOutageListen(t, dir, address).end(syscall.SIGINT)
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.count != 1 {
		t.Errorf("it was forwarded %d times", to.count)
	}
}
