//go:build unix

package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
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

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// withServer makes the ledger of the batch and of other commands one on a server of its own.
func (b *faultyBatch) withServer() *postgrestest.Server {
	b.t.Helper()
	postgrestest.Require(b.t)
	s, err := postgrestest.New(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	b.env = append(b.env, "NARADA_STORE="+s.URL("postgres"))
	return s
}

// machine is a command on another machine than the batch's.
type machine struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// machine starts a command that has a folder of its own for its state.
func (b *faultyBatch) machine(name string, args ...string) *machine {
	b.t.Helper()
	m := &machine{Cmd: exec.Command("narada", args...)}
	m.Dir, m.Env = b.dir, slices.Concat(b.env, []string{"NARADA_STATE_DIR=" + filepath.Join(b.dir, name)})
	m.Stdout, m.Stderr = &m.stdout, &m.stderr
	if err := m.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = m.Process.Kill() })
	return m
}

// end sends the process a signal and returns its exit code.
func (m *machine) end(s syscall.Signal) int {
	_ = m.Process.Signal(s)
	return code(m.Wait())
}

func (b *faultyBatch) eventually(condition func() bool, stderr *bytes.Buffer) {
	b.t.Helper()
	if err := eventuallyWithin(time.Minute, condition); err != nil {
		b.t.Fatalf("%v: %+v %s", err, b.cloud.Stats(), stderr)
	}
}

// A batch sends nothing while the server of its ledger is not there, and continues by itself.
func TestABatchWaitsForTheServerOfItsLedger(t *testing.T) {
	t.Parallel()
	const lines, atOnce = 40, 4
	b := newFaultyBatch(t, lines, "delay: 50ms\nrules:\n  - text: done\n")
	s := b.withServer()
	b.args = []string{"batch", "run", "tasks.txt", "--results", "results.jsonl", "-c", "4", "--via", "poll", "--timeout", "1m"}
	c := b.start()
	b.eventually(func() bool { return b.cloud.Stats().Dispatches >= 5 }, &b.stderr)
	s.Stop()
	sent := b.cloud.Stats().Dispatches
	b.eventually(func() bool { return b.cloud.Stats().Finished == b.cloud.Stats().Dispatches }, &b.stderr)
	time.Sleep(8 * time.Second) // in which it would send many, and a use of the ledger ends
	if more := b.cloud.Stats().Dispatches - sent; more > atOnce {
		t.Errorf("it has sent %d tasks without its ledger", more)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit := code(c.Wait()); exit != codeDone {
		t.Fatalf("exit code %d: %s", exit, b.stderr.String())
	}
	b.eachSucceededOnce(lines)
	text := b.stderr.String()
	if lost := strings.Count(text, ": nothing is sent until it can be used again\n"); lost != 1 || strings.Count(text, "the ledger can be used again: continuing\n") != 1 || strings.Count(text, "warning: ") != 1 {
		t.Errorf("it is not said once: %s", text)
	}
}

// A batch that is stopped without the server of its ledger has the answers to what it has sent.
func TestAStoppedBatchHasItsAnswersWithoutTheServerOfItsLedger(t *testing.T) {
	t.Parallel()
	const lines, atOnce = 40, 4
	b := newFaultyBatch(t, lines, "delay: 4s\nrules:\n  - text: done\n")
	s := b.withServer()
	b.args = []string{"batch", "run", "tasks.txt", "--results", "results.jsonl", "--junit", "report.xml", "-c", "4", "--via", "poll", "--timeout", "1m"}
	c := b.start()
	b.eventually(func() bool { return b.cloud.Stats().StatusCalls >= atOnce }, &b.stderr)
	s.Stop()
	_ = c.Process.Signal(syscall.SIGINT)
	b.eventually(func() bool { return b.cloud.Stats().Finished == atOnce }, &b.stderr)
	began := time.Now()
	exit := code(c.Wait())
	took, text := time.Since(began), b.stderr.String()
	if exit != 130 || took > 40*time.Second || !strings.Contains(text, "4 answers not stored, which only the output of this run has") || !strings.Contains(text, "hint: write it from the ledger: narada batch results tasks --junit report.xml\n") ||
		!strings.Contains(text, "4 success, 36 not sent") || !strings.Contains(text, "hint: resume: narada batch run tasks.txt ") {
		t.Errorf("exit code %d after %s: %s", exit, took, text)
	}
	if results := b.results(); len(results) != atOnce {
		t.Errorf("results %v", results)
	}
}

// A batch whose role loses its rights stops: no time helps. The hint says what does.
func TestABatchWithoutRightsInItsLedgerStops(t *testing.T) {
	t.Parallel()
	const lines = 200
	b := newFaultyBatch(t, lines, "delay: 50ms\nrules:\n  - text: done\n")
	s := b.withServer()
	for _, sql := range []string{"CREATE ROLE limited LOGIN", "CREATE SCHEMA narada AUTHORIZATION limited"} {
		if err := s.Exec(t.Context(), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	b.env = append(b.env, "NARADA_STORE="+strings.Replace(s.URL("postgres"), "postgres@", "limited@", 1))
	b.args = []string{"batch", "run", "tasks.txt", "--results", "results.jsonl", "-c", "2", "--via", "poll", "--timeout", "20s", "--lease", "5s"}
	c := b.start()
	work := b.machine("two", "batch", "work", "-c", "2")
	b.eventually(func() bool { return b.cloud.Stats().Dispatches >= 10 }, &b.stderr)
	if err := s.Exec(t.Context(), "postgres", "ALTER SCHEMA narada OWNER TO postgres"); err != nil {
		t.Fatal(err)
	}
	for text, exit := range map[*bytes.Buffer]int{&b.stderr: code(c.Wait()), &work.stderr: code(work.Wait())} {
		if exit != codeUnreachable || !strings.Contains(text.String(), "error: the store postgres on ") || !strings.Contains(text.String(), "hint: an administrator runs: GRANT USAGE ON SCHEMA") {
			t.Errorf("exit code %d: %s", exit, text)
		}
	}
	if err := s.Exec(t.Context(), "postgres", "ALTER SCHEMA narada OWNER TO limited"); err != nil {
		t.Fatal(err)
	}
	if exit := code(b.start().Wait()); exit != codeDone && exit != codeFailed {
		t.Fatalf("exit code %d: %s", exit, b.stderr.String())
	}
	results, dispatched := b.results(), b.dispatched()
	for line := 1; line <= lines; line++ { // of those in flight it may not be known that they were accepted
		if status := results[line]; status != "success" && status != "unknown" || dispatched[line] != 1 {
			t.Errorf("line %d: %q, accepted %d times", line, status, dispatched[line])
		}
	}
}

// A role that may not delete says once that retention does nothing.
func TestARoleThatMayNotDeleteWarnsOfRetention(t *testing.T) {
	t.Parallel()
	b := newFaultyBatch(t, 1, "rules: []\n")
	s := b.withServer()
	if exit := code(b.machine("one", "history").Wait()); exit != codeDone {
		t.Fatalf("exit code %d", exit)
	}
	if err := s.Exec(t.Context(), "postgres", "CREATE ROLE limited LOGIN; GRANT USAGE ON SCHEMA narada TO limited; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA narada TO limited; GRANT ALL ON ALL SEQUENCES IN SCHEMA narada TO limited"); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "NARADA_RETENTION=1d", "NARADA_STORE="+strings.Replace(s.URL("postgres"), "postgres@", "limited@", 1))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	work := exec.Command("narada", "batch", "work")
	work.Dir, work.Env, work.Stderr = b.dir, b.env, w
	if err := work.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	defer r.Close()
	lines := bufio.NewScanner(r)
	var said []string
	for lines.Scan() {
		if said = append(said, lines.Text()); strings.HasPrefix(lines.Text(), "hint: an administrator runs: GRANT ") {
			break
		}
	}
	warning := regexp.MustCompile(`^warning: the store postgres on 127.0.0.1:\d+: permission denied for table \w+: this command deletes no old tasks \(retention\)$`)
	if len(said) < 2 || !warning.MatchString(said[len(said)-2]) {
		t.Errorf("said %q", said)
	}
	if err := work.Process.Signal(syscall.SIGINT); err != nil || code(work.Wait()) != codeDone {
		t.Errorf("it has not ended: %v", err)
	}
	listen := b.machine("two", "listen", "--local") // which deletes the entry of its name
	if exit := code(listen.Wait()); exit != codeUnreachable || !strings.Contains(listen.stderr.String(), "\nhint: an administrator runs: GRANT ") {
		t.Errorf("exit code %d: %s", exit, listen.stderr.String())
	}
}

// A task whose ledger is lost while it is running is polled for.
func TestRunGetsItsAnswerWithoutTheServerOfItsLedger(t *testing.T) {
	t.Parallel()
	b := newFaultyBatch(t, 1, "delay: 2s\nrules:\n  - text: done\n")
	s := b.withServer()
	run := b.machine("one", "run", "--via", "poll", "x")
	b.eventually(func() bool { return b.cloud.Stats().StatusCalls > 0 }, &run.stderr)
	s.Stop()
	exit := code(run.Wait())
	if text := run.stderr.String(); exit != codeDone || run.stdout.String() != "done\n" || !strings.Contains(text, "cannot be reached") || !strings.Contains(text, "not stored") {
		t.Errorf("exit code %d, %q: %s", exit, run.stdout.String(), text)
	}
}

// A listener answers 503 while the server of its ledger is not there, and then continues.
func TestListenAnswers503WithoutTheServerOfItsLedger(t *testing.T) {
	t.Parallel()
	b := newFaultyBatch(t, 1, "rules: []\n")
	s := b.withServer()
	ready := filepath.Join(b.dir, "ready.json")
	listen := b.machine("one", "listen", "--local", "--ready-file", ready)
	var to callbackTarget
	b.eventually(func() bool {
		doc, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(doc, &to) == nil
	}, &listen.stderr)
	send := func(id string) int {
		return to.post(t, fmt.Sprintf(`{"requestId":%q,"status":"success","response":{"text":"x"},"completedAt":"2026-01-02T03:04:05Z","secret":%q}`, id, to.Secret))
	}
	if status := send("req_1"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	s.Stop()
	for range 2 {
		if status := send("req_2"); status != http.StatusServiceUnavailable {
			t.Errorf("status %d without the server", status)
		}
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.eventually(func() bool { return send("req_2") == http.StatusOK }, &listen.stderr)
	exit := listen.end(syscall.SIGINT)
	if out, text := listen.stdout.String(), listen.stderr.String(); exit != codeDone || out != "req_1\tsuccess\tx\nreq_2\tsuccess\tx\n" || strings.Count(text, "is there again") != 1 {
		t.Errorf("exit code %d, %q: %s", exit, out, text)
	}
}
