package cmd

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/signals"
)

// stalledStream is a stream whose reader has stalled. It tells once that it is written to.
type stalledStream struct {
	once            sync.Once
	asked, released chan struct{}
}

func newStalledStream(t *testing.T) *stalledStream {
	s := &stalledStream{asked: make(chan struct{}), released: make(chan struct{})}
	t.Cleanup(func() { close(s.released) })
	return s
}

func (s *stalledStream) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.asked) })
	<-s.released
	return len(p), nil
}

func (s *stalledStream) Read([]byte) (int, error) {
	s.once.Do(func() { close(s.asked) })
	<-s.released
	return 0, io.EOF
}

// No command outlives a signal or its time limit because of a stream that is not read, or
// that nothing is written to.
func TestAStalledStreamDoesNotKeepACommandFromEnding(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte("delay: 1ms\nrules:\n  - text: done\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout := func(a *App, s *stalledStream) { a.Stdout = s }
	stderr := func(a *App, s *stalledStream) { a.Stderr = s }
	stdin := func(a *App, s *stalledStream) { a.Stdin = s }
	for name, test := range map[string]struct {
		args   string
		stream func(*App, *stalledStream)
		signal bool
		code   int
	}{
		"stdout of run, a signal":           {"run --sandbox x", stdout, true, codeSignal},
		"stdout of run, the time limit":     {"run --sandbox --timeout 5s x", stdout, false, codeUnexpected},
		"stderr of run, a signal":           {"run --sandbox x", stderr, true, codeSignal},
		"stderr of run -v, the time limit":  {"run --sandbox -v --timeout 2s x", stderr, false, codeUnreachable},
		"stdin of run, the time limit":      {"run --sandbox --timeout 300ms", stdin, false, codeUsage},
		"stdin of dispatch, the time limit": {"dispatch --timeout 300ms --window w", stdin, false, codeUsage},
		"stdin of status, the time limit":   {"status --timeout 300ms --schema - req_1", stdin, false, codeUsage},
		"stdin of a batch, a signal":        {"batch run --sandbox -", stdin, true, codeSignal},
		"stdout of help, a signal":          {"help", stdout, true, codeSignal},
		"stdout of completion, a signal":    {"completion bash", stdout, true, codeSignal},
		"stdout of version, a signal":       {"version", stdout, true, codeSignal},
		"stdout of config, a signal":        {"config list", stdout, true, codeSignal},
		"stdout of doctor, a signal":        {"doctor --local", stdout, true, codeSignal},
		"stdout of check, a signal":         {"check http://127.0.0.1:1", stdout, true, codeSignal},
		"stdout of trigger, a signal":       {"trigger success --to http://127.0.0.1:1", stdout, true, codeSignal},
		"stdout of a batch, a signal":       {"batch run --sandbox --dry-run -", stdout, true, codeSignal},
		"stderr of replay, a signal":        {"replay --failed", stderr, true, codeDone},
		"stderr of history, a signal":       {"history", stderr, true, codeDone},
		"stdin of trigger, a signal":        {"trigger success --to http://127.0.0.1:1 --data -", stdin, true, codeSignal},
	} {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(test.args, "--sandbox", "--sandbox --rules "+rules))
			app, _, text := testApp(t, args...)
			app.Stdin = strings.NewReader("one\n")
			s := newStalledStream(t)
			test.stream(app, s)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var signalled atomic.Int64
			if test.signal {
				go func() {
					<-s.asked
					signalled.Store(time.Now().UnixNano())
					cancel(&signals.Error{Signal: os.Interrupt})
				}()
			}
			if code := app.Run(ctx); code != test.code {
				t.Errorf("code %d, want %d; stderr %s", code, test.code, text)
			}
			if took := time.Since(time.Unix(0, signalled.Load())); test.signal && took > 5*time.Second { // 1 s, on a machine that is not busy
				t.Errorf("it ended %v after the signal", took)
			}
		})
	}
}

// crashingClient accepts a task, and panics when it is polled for.
type crashingClient struct{}

func (crashingClient) Dispatch(context.Context, *narada.Request) (string, error) { return "req_1", nil }
func (crashingClient) Status(context.Context, string) (*narada.Result, error)    { panic("bug") }

func TestAPanicBesideTheMainGoroutineNamesTheTask(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		app, _, stderr := testApp(t)
		inv := newInvocation(app)
		inv.verbose = verbose
		inv.log = newReporter(inv)
		out, err := newResults(t.Context(), inv, outputFlags{format: "text"}, "", false)
		if err != nil {
			t.Fatal(err)
		}
		engine := await.New(await.Options{Client: crashingClient{}, PollInterval: time.Millisecond})
		defer engine.Close()
		_, err = engine.Run(t.Context(), await.Job{Request: &narada.Request{Prompt: "x"}})
		if code := exit(t.Context(), inv, out.unfinished(err, outcomeRunning)); code != codeUnexpected {
			t.Errorf("code %d", code)
		}
		const want = "error: internal error: bug: req_1 is still running; it cannot be cancelled\nhint: resume: narada status --wait req_1\n"
		if text := stderr.String(); !strings.HasSuffix(text, want) || strings.Contains(text, "crashingClient") != verbose {
			t.Errorf("verbose %v: stderr %s", verbose, text)
		}
		for _, err = range engine.Await(t.Context(), "req_1") {
			stderr.Reset()
			if code := (&statusOptions{wait: true}).report(t.Context(), out, nil, err); code != codeUnexpected || !strings.HasSuffix(stderr.String(), want) {
				t.Errorf("status: code %d, stderr %s", code, stderr)
			}
		}
	}
}
