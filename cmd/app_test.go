package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/signals"
)

// testApp is the program with its streams in memory.
func testApp(t *testing.T, args ...string) (*App, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	home := t.TempDir()
	env := map[string]string{"HOME": home, "AppData": home, "LocalAppData": home}
	var stdout, stderr bytes.Buffer
	return &App{
		Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Dir:    t.TempDir(), Random: testRandom{},
	}, &stdout, &stderr
}

// testRandom is a source of random bytes for tests.
type testRandom struct{}

func (testRandom) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 37)
	}
	return len(p), nil
}

// eventually waits until the condition is true, for up to 30 s.
func eventually(condition func() bool) error {
	for start := time.Now(); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			return errors.New("the condition is still false after 30 s")
		}
	}
	return nil
}

// silentStdin is a stdin whose Read blocks until it is released.
type silentStdin struct{ asked, released chan struct{} }

func (s *silentStdin) Read([]byte) (int, error) {
	close(s.asked)
	<-s.released
	return 0, io.EOF
}

func TestInterruptEndsAReadOfStdin(t *testing.T) {
	for _, args := range [][]string{{"run", "--sandbox"}, {"run", "--sandbox", "-"}, {"config", "set", "api-key", "-"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			app, _, stderr := testApp(t, args...)
			stdin := &silentStdin{make(chan struct{}), make(chan struct{})}
			defer close(stdin.released)
			app.Stdin = stdin
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-stdin.asked
				cancel(&signals.Error{Signal: os.Interrupt})
			}()
			if code := app.Run(ctx); code != codeSignal || stderr.String() != "error: interrupted: nothing was done\n" {
				t.Errorf("code %d, stderr %s", code, stderr)
			}
		})
	}
}

func TestInternalErrorNamesWhereToReportIt(t *testing.T) {
	app, _, stderr := testApp(t, "run", "--sandbox", "x")
	app.Random = nil
	if code := app.Run(t.Context()); code != codeUnexpected {
		t.Errorf("code %d", code)
	}
	if text := stderr.String(); !strings.Contains(text, "error: internal error: ") || !strings.Contains(text, "hint: report it") {
		t.Errorf("stderr %s", text)
	}
}

// runUntilReady starts the program and returns when its ready file exists.
func runUntilReady(t *testing.T, app *App, ready string) (interrupt func(), ended <-chan int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	codes := make(chan int, 1)
	go func() { codes <- app.Run(ctx) }()
	if err := eventually(func() bool { _, err := os.Stat(ready); return err == nil }); err != nil {
		t.Fatal(err)
	}
	return func() { cancel(&signals.Error{Signal: os.Interrupt}) }, codes
}

// A stalled reader of stdout must neither delay the acknowledgement of callbacks nor keep
// the program from ending.
func TestListenEndsWhileStdoutIsStalled(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready.json")
	app, _, stderr := testApp(t, "listen", "--local", "--ready-file", ready)
	stdout := &stalled{began: make(chan struct{}), reads: make(chan struct{})}
	defer close(stdout.reads)
	app.Stdout = stdout
	interrupt, ended := runUntilReady(t, app, ready)
	resp, err := http.DefaultClient.Do(readyRequest(t, ready))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the callback was answered %s", resp.Status)
	}
	<-stdout.began
	interrupt()
	if code := <-ended; code != codeDone || !strings.Contains(stderr.String(), "warning: not all callbacks could be printed before the end: ") {
		t.Errorf("code %d, stderr %s", code, stderr)
	}
}

// With 2>&1 it is the same pipe.
func TestListenEndsWhileStderrIsStalled(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready.json")
	app, _, _ := testApp(t, "listen", "--local", "--ready-file", ready)
	reader, stderr := io.Pipe()
	defer reader.Close()
	app.Stderr = stderr
	interrupt, ended := runUntilReady(t, app, ready)
	interrupt()
	if code := <-ended; code != codeDone {
		t.Errorf("code %d", code)
	}
}

// A pager that does not read, as in history | sleep 100, must not keep a command from ending.
func TestASignalEndsACommandWhoseOutputIsNotRead(t *testing.T) {
	for _, args := range [][]string{{"config", "list"}, {"history", "--help"}, {"completion", "bash"}, {"run", "--sandbox", "--dry-run", "x"}, {"run", "--sandbox", "x"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			app, _, stderr := testApp(t, args...)
			stdout := &stalled{began: make(chan struct{}), reads: make(chan struct{})}
			defer close(stdout.reads)
			app.Stdout = stdout
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-stdout.began
				cancel(&signals.Error{Signal: os.Interrupt})
			}()
			if code := app.Run(ctx); code != codeSignal || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("code %d, stderr %s", code, stderr)
			}
		})
	}
	t.Run("stderr", func(t *testing.T) {
		app, _, _ := testApp(t, "sandbox", "--addr", "127.0.0.1:0")
		stderr := &stalled{began: make(chan struct{}), reads: make(chan struct{})}
		defer close(stderr.reads)
		app.Stderr = stderr
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-stderr.began
			cancel(&signals.Error{Signal: os.Interrupt})
		}()
		if code := app.Run(ctx); code != codeDone {
			t.Errorf("code %d", code)
		}
	})
}

func TestTheTimeLimitEndsACommandWhoseOutputIsNotRead(t *testing.T) {
	app, _, stderr := testApp(t, "run", "--sandbox", "--timeout", "1s", "--dry-run", "x")
	stdout := &stalled{began: make(chan struct{}), reads: make(chan struct{})}
	defer close(stdout.reads)
	app.Stdout = stdout
	if code := app.Run(t.Context()); code != codeUnexpected || !strings.Contains(stderr.String(), "error: writing to stdout: not finished within 1s (--timeout)") {
		t.Errorf("code %d, stderr %s", code, stderr)
	}
}

// stalled is a stream that nobody reads.
type stalled struct{ began, reads chan struct{} }

func (s *stalled) Write(p []byte) (int, error) {
	close(s.began)
	<-s.reads
	return len(p), nil
}

func readyRequest(t *testing.T, path string) *http.Request {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ready callbackTarget
	if err := json.Unmarshal(content, &ready); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, ready.URL, strings.NewReader(`{"requestId":"req_1","status":"success","secret":"`+ready.Secret+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range ready.Headers {
		r.Header.Set(name, value)
	}
	return r
}

func TestTimeCountsByTheClockOfTheApp(t *testing.T) {
	app, _, _ := testApp(t, "version")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	app.Now = func() time.Time { return at }
	if code := app.Run(t.Context()); code != codeDone || !app.start.Equal(at) {
		t.Errorf("code %d, start %s", code, app.start)
	}
}
