//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// cloud accepts tasks, and leaves their callbacks to the scenario.
type cloud struct {
	server   *http.Server
	number   atomic.Int64
	accepted chan task
}

// task is a task that was accepted.
type task struct {
	id, prompt string
	to         address
}

func (w *world) newCloud() (*cloud, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cloud{accepted: make(chan task, 1000)}
	c.server = &http.Server{Handler: c}
	go func() { _ = c.server.Serve(l) }()
	w.cloud = fmt.Sprintf("http://%s/fast/v2", l.Addr())
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		fmt.Fprintf(w, `{"requestId":%q,"status":"pending","createdAt":"2026-01-01T00:00:00Z","completedAt":null}`, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		return
	}
	var body struct {
		Prompt  string            `json:"prompt"`
		URL     string            `json:"callbackUrl"`
		Headers map[string]string `json:"callbackHeaders"`
		Secret  string            `json:"callbackSecret"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	id := fmt.Sprintf("req_task_%d", c.number.Add(1))
	fmt.Fprintf(w, `{"requestId":%q}`, id)
	c.accepted <- task{id, body.Prompt, address{body.URL, body.Secret, body.Headers}}
}

// prompt is that of the task with a number, and so is its answer.
func prompt(n int) string { return fmt.Sprintf("job %d", n) }

// answerOf is what a task is answered with.
func (t task) answer() string { return t.prompt[strings.LastIndex(t.prompt, "job"):] }

// waiter is a narada run that waits for its answer.
type waiter struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	want   string
	err    error
	at     time.Time // when the answer was printed
}

// wait starts it. done is called when it has ended.
func (w *world) startWaiter(ctx context.Context, n int, done func(*waiter)) error {
	r := &waiter{cmd: w.command(ctx, w.url, "run", "-q", "--via", "listener", prompt(n)), want: prompt(n)}
	r.cmd.Stderr = &r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		r.at = time.Now()
		r.err = r.cmd.Wait()
		if got := strings.TrimSpace(line); r.err == nil && got != r.want {
			r.err = fmt.Errorf("%q was answered by %q", r.want, got)
		}
		done(r)
	}()
	return nil
}

// maxConnections is that of the server, and many is how many commands wait at once.
const (
	maxConnections = 250
	many           = 200
)

// wait runs many commands at once that wait for their answers.
func wait(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	c, err := w.newCloud()
	if err != nil {
		return err
	}
	defer c.server.Close()
	r, err := w.listen(ctx, "shared", w.url)
	if err != nil {
		return err
	}
	defer r.end()
	most, stop := w.watchConnections(ctx)
	defer stop()
	count := w.size(40, many)
	ended := make(chan *waiter, count)
	for n := range count {
		if err := w.startWaiter(ctx, n, func(r *waiter) { ended <- r }); err != nil {
			return err
		}
	}
	var failed []*waiter
	var tasks []task
	for len(tasks)+len(failed) < count { // all wait at the same time
		select {
		case t := <-c.accepted:
			tasks = append(tasks, t)
		case r := <-ended:
			failed = append(failed, r)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := callBack(ctx, tasks); err != nil {
		return err
	}
	for range tasks {
		if r := <-ended; r.err != nil {
			failed = append(failed, r)
		}
	}
	for _, r := range failed[:min(len(failed), 3)] {
		fmt.Printf("narada run %q: %v: %s\n", r.want, r.err, strings.TrimSpace(r.stderr.String()))
	}
	stop()
	return within(len(failed) == 0 && most.Load() <= maxConnections, "%d of %d commands that waited at once were answered, with %d connections at most (at most %d)", count-len(failed), count, most.Load(), maxConnections)
}

// callBack sends the tasks' callbacks.
func callBack(ctx context.Context, tasks []task) error {
	client := newClient()
	defer client.CloseIdleConnections()
	for _, t := range tasks {
		if err := t.to.send(ctx, client, t.id, t.answer()); err != nil {
			return err
		}
	}
	return nil
}

// watchConnections notes the maximum of the server's connections until stop is called.
func (w *world) watchConnections(ctx context.Context) (most *atomic.Int64, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	most = new(atomic.Int64)
	var watching sync.WaitGroup
	watching.Go(func() {
		conn, err := pgx.Connect(ctx, w.server.URL("postgres"))
		for err == nil {
			var n int64
			if err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").Scan(&n); err == nil {
				most.Store(max(n, most.Load()))
				time.Sleep(10 * time.Millisecond)
			}
		}
		if ctx.Err() == nil {
			fmt.Println("the connections could not be counted:", err)
			most.Store(maxConnections + 1)
		}
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	})
	return most, func() {
		cancel()
		watching.Wait()
	}
}

// The limits on the time from the answer 200 to a callback, given by one process, to the
// printed answer of another.
const (
	maxP50 = 25 * time.Millisecond
	maxP99 = 150 * time.Millisecond
)

// latency measures the time from the answer to a callback to the printed answer.
func latency(ctx context.Context, w *world) error {
	c, err := w.newCloud()
	if err != nil {
		return err
	}
	defer c.server.Close()
	r, err := w.listen(ctx, "shared", w.url)
	if err != nil {
		return err
	}
	defer r.end()
	const atOnce = 5
	client := newClient()
	defer client.CloseIdleConnections()
	var took []time.Duration
	for round := range w.size(6, 60) {
		ended := make(chan *waiter, atOnce)
		for i := range atOnce {
			if err := w.startWaiter(ctx, round*atOnce+i, func(r *waiter) { ended <- r }); err != nil {
				return err
			}
		}
		var tasks []task
		for range atOnce {
			select {
			case t := <-c.accepted:
				tasks = append(tasks, t)
			case r := <-ended:
				return fmt.Errorf("%v: %s", r.err, r.stderr.String())
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		time.Sleep(300 * time.Millisecond) // no task ends sooner
		for _, t := range tasks {
			if err := t.to.send(ctx, client, t.id, t.answer()); err != nil {
				return err
			}
			acknowledged := time.Now()
			r := <-ended
			if r.err != nil {
				return fmt.Errorf("%w: %s", r.err, r.stderr.String())
			}
			took = append(took, max(0, r.at.Sub(acknowledged)))
		}
	}
	p50, p99 := percentile(took, 50), percentile(took, 99)
	return within(p50 <= maxP50 && p99 <= maxP99, "from the answer 200 at one process to the answer printed at another: p50 %v (at most %v), p99 %v (at most %v), %d tasks",
		p50.Round(100*time.Microsecond), maxP50, p99.Round(100*time.Microsecond), maxP99, len(took))
}
