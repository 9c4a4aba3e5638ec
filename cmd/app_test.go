//go:build unix

package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testApp is the program with its streams in memory.
func testApp(t *testing.T, args ...string) (*App, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	env := map[string]string{"HOME": t.TempDir()}
	var stdout, stderr bytes.Buffer
	return &App{
		Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Dir:    t.TempDir(), Random: testRandom{},
	}, &stdout, &stderr
}

// testRandom is random enough for one endpoint in a test.
type testRandom struct{}

func (testRandom) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 37)
	}
	return len(p), nil
}

func TestInterruptEndsAReadOfStdin(t *testing.T) {
	for _, args := range [][]string{{"run", "--sandbox"}, {"run", "--sandbox", "-"}, {"config", "set", "api-key", "-"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			app, _, stderr := testApp(t, args...)
			stdin, keepOpen := io.Pipe()
			defer keepOpen.Close()
			app.Stdin = stdin
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Millisecond, func() { cancel(&signalError{os.Interrupt}) })
			if code := app.Run(ctx); code != codeSignal || stderr.String() != "error: interrupted: nothing was done\n" {
				t.Errorf("code %d, stderr %s", code, stderr)
			}
		})
	}
}

func TestFaultIsSaidWithWhereToReportIt(t *testing.T) {
	app, _, stderr := testApp(t, "run", "--sandbox", "x")
	app.Random = nil // what nobody expected
	if code := app.Run(t.Context()); code != codeUnexpected {
		t.Errorf("code %d", code)
	}
	if text := stderr.String(); !strings.Contains(text, "error: a fault in narada: ") || !strings.Contains(text, "hint: please report it") {
		t.Errorf("stderr %s", text)
	}
}

// A reader of stdout that stalls must not hold the program's end.
func TestStalledStdoutDoesNotHoldListen(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready.json")
	app, _, _ := testApp(t, "listen", "--local", "--ready-file", ready)
	stalled, stdout := io.Pipe()
	defer stalled.Close()
	app.Stdout = stdout
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan int, 1)
	go func() { ended <- app.Run(ctx) }()
	if err := eventually(func() bool { _, err := os.Stat(ready); return err == nil }); err != nil {
		t.Fatal(err)
	}
	request := readyRequest(t, ready)
	go func() {
		if resp, err := http.DefaultClient.Do(request); err == nil {
			resp.Body.Close()
		}
	}()
	time.Sleep(100 * time.Millisecond) // it is being printed by now, and if not the test is the easier one
	cancel(&signalError{os.Interrupt})
	select {
	case code := <-ended:
		if code != codeDone {
			t.Errorf("code %d", code)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}

func readyRequest(t *testing.T, path string) *http.Request {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ready struct {
		URL     string            `json:"url"`
		Secret  string            `json:"secret"`
		Headers map[string]string `json:"headers"`
	}
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
