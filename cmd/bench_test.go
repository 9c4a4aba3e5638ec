package cmd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// BenchmarkCallbackToStdout measures the time from the start of sending a callback to the
// end of writing its answer to stdout: in run, and for comparison in a net/http server that
// checks nothing. Making the callback and answering its sender are not measured.
func BenchmarkCallbackToStdout(b *testing.B) {
	b.Run("narada", benchmarkRun)
	b.Run("bare", benchmarkBare)
}

func benchmarkRun(b *testing.B) {
	defer goleak.VerifyNone(b, goleak.IgnoreCurrent())
	stdout := newBenchStdout(b)
	inv := benchInvocation(b, stdout)
	p, err := newResults(b.Context(), inv, outputFlags{format: "text"}, "", false)
	if err != nil {
		b.Fatal(err)
	}
	client := &benchClient{requests: make(chan *narada.Request, 1)}
	engine, closeEngine, err := openEngine(b.Context(), inv, await.Options{Client: client, PollInterval: time.Hour}, nil,
		&tunnel.Config{Loopback: true, PathPrefix: receive.Prefix}, &answerFlags{via: "callback"})
	if err != nil {
		b.Fatal(err)
	}
	defer closeEngine()

	timeCallbacks(b, stdout, func(number int) (*http.Request, func() error) {
		printed := make(chan error, 1)
		go func() {
			answer, err := engine.Run(b.Context(), await.Job{Request: &narada.Request{Prompt: benchID(number)}})
			if err == nil {
				p.data = true
				err = p.print(answer.Result)
			}
			printed <- err
		}()
		r := <-client.requests
		callback := benchCallback(b, r.CallbackURL, number, r.CallbackSecret)
		for name, value := range r.CallbackHeaders {
			callback.Header.Set(name, value)
		}
		return callback, func() error { return <-printed }
	})
}

// benchClient accepts every task. The request ID is the prompt.
type benchClient struct{ requests chan *narada.Request }

// Dispatch implements await.Client.
func (c *benchClient) Dispatch(_ context.Context, r *narada.Request) (string, error) {
	c.requests <- r
	return r.Prompt, nil
}

// Status implements await.Client.
func (c *benchClient) Status(context.Context, string) (*narada.Result, error) {
	return nil, errors.New("there is no status call")
}

func benchmarkBare(b *testing.B) {
	defer goleak.VerifyNone(b, goleak.IgnoreCurrent())
	stdout := newBenchStdout(b)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var callback struct {
			RequestID string `json:"requestId"`
			Secret    string `json:"secret"`
			Status    string `json:"status"`
			Response  struct {
				Text string `json:"text"`
			} `json:"response"`
			CreatedAt   time.Time `json:"createdAt"`
			CompletedAt time.Time `json:"completedAt"`
		}
		if err := json.NewDecoder(r.Body).Decode(&callback); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(stdout, callback.Response.Text+"\n")
		_, _ = io.WriteString(w, `{"received":true}`)
	}))
	defer server.Close()

	timeCallbacks(b, stdout, func(number int) (*http.Request, func() error) {
		return benchCallback(b, server.URL, number, strings.Repeat("s", 32)), func() error { return nil }
	})
}

// timeCallbacks sends the callbacks that prepare makes, one at a time, over one connection.
// finish returns when the receiver has handled the callback. The reported time ends with
// the write to stdout.
func timeCallbacks(b *testing.B, stdout *benchStdout, prepare func(number int) (callback *http.Request, finish func() error)) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var number int
	var total time.Duration
	for b.Loop() {
		number++
		callback, finish := prepare(number)
		start := time.Now()
		resp, err := client.Do(callback)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("the callback was answered %s (%v)", resp.Status, err)
		}
		if err := finish(); err != nil {
			b.Fatal(err)
		}
		line := <-stdout.lines
		if line.text != benchAnswer+"\n" {
			b.Fatalf("stdout has %q", line.text)
		}
		total += line.at.Sub(start)
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(number), "ns/op")
}

// benchStdout writes to the null device, and records when.
type benchStdout struct {
	null  *os.File
	lines chan benchLine
}

type benchLine struct {
	text string
	at   time.Time
}

func newBenchStdout(b *testing.B) *benchStdout {
	b.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = null.Close() })
	return &benchStdout{null: null, lines: make(chan benchLine, 1)}
}

// Write implements io.Writer.
func (o *benchStdout) Write(p []byte) (int, error) {
	n, err := o.null.Write(p)
	o.lines <- benchLine{at: time.Now(), text: string(p)}
	return n, err
}

// benchInvocation is an invocation with the default settings.
func benchInvocation(b *testing.B, stdout io.Writer) *invocation {
	b.Helper()
	dir := b.TempDir()
	app := &App{
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: io.Discard, Dir: dir, Random: rand.Reader,
		Lookup: func(name string) (string, bool) { v, ok := map[string]string{"HOME": dir}[name]; return v, ok },
		start:  time.Now(),
	}
	inv := newInvocation(app)
	var err error
	if inv.settings, err = config.Load(config.Place{Getenv: app.getenv, Dir: dir}, nil); err != nil {
		b.Fatal(err)
	}
	return inv
}

const benchAnswer = "There are 412 open software engineering jobs. The three newest are Staff Engineer (Platform) at Example GmbH in Berlin, " +
	"Backend Engineer at Example Ltd in London, and Site Reliability Engineer, remote."

func benchID(number int) string { return fmt.Sprintf("req_%032x", number) }

// benchCallback is a callback as the cloud sends it, of about 600 bytes.
func benchCallback(b *testing.B, address string, number int, secret string) *http.Request {
	b.Helper()
	body := fmt.Sprintf(`{"requestId":%q,"secret":%q,"status":"success","browserWindowId":"window_3b1f0a52-7c1e-4b0e-9d53-0c7f5b2f6a11",`+
		`"response":{"text":%q},"createdAt":"2026-01-02T03:04:05.678901+00:00","completedAt":"2026-01-02T03:04:50.123456+00:00",`+
		`"usage":{"actions":12,"credits":4.5}}`, benchID(number), secret, benchAnswer)
	r, err := http.NewRequestWithContext(context.WithoutCancel(b.Context()), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}
