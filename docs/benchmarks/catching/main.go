// Catching measures the time from a task's completion to the end of narada run, with a
// callback and with polling.
//
//	catching [-rounds N] NARADA
//
// It starts a narada sandbox with tasks of fixed durations. Each round runs every task
// both ways, concurrently.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// delays are the durations of the tasks. They differ, so that the processes end at
// different times.
func delays() []time.Duration {
	var list []time.Duration
	for _, ms := range []int{1040, 1730, 2290, 2870, 3410, 4160, 4630, 5380, 6070, 6910} {
		list = append(list, time.Duration(ms)*time.Millisecond)
	}
	return list
}

// way is a way of waiting for an answer.
type way struct {
	name  string
	flags []string

	mu    sync.Mutex
	lags  []time.Duration // from the task's completion to the process's end
	tasks map[string]bool // request IDs
}

func main() {
	rounds := flag.Int("rounds", 3, "run each task `N` times each way")
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "usage: catching [-rounds N] NARADA")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compare(ctx, flag.Arg(0), *rounds)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "catching:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, narada string, rounds int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "narada-catching-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cloud, err := startSandbox(ctx, narada, dir)
	if err != nil {
		return err
	}
	defer cloud.close()

	callback := &way{name: "callback", flags: []string{"--local"}, tasks: map[string]bool{}}
	poll := &way{name: "poll", flags: []string{"--via", "poll"}, tasks: map[string]bool{}}
	fmt.Printf("%d tasks of %s to %s, %d times each way\n", len(delays()), delays()[0], delays()[len(delays())-1], rounds)
	for range rounds {
		if err := round(ctx, cloud, callback, poll); err != nil {
			return err
		}
	}
	calls, err := cloud.statusCalls()
	if err != nil {
		return err
	}
	fmt.Println("from a task's completion to the end of the process:")
	for _, w := range []*way{callback, poll} {
		fmt.Printf("%-8s  mean %8.1f ms  median %8.1f ms  status calls %d\n",
			w.name, milliseconds(mean(w.lags)), milliseconds(median(w.lags)), w.count(calls))
	}
	fmt.Printf("ratio of the means, poll to callback: %.0f\n", float64(mean(poll.lags))/float64(mean(callback.lags)))
	return nil
}

// round runs every task every way, concurrently.
func round(ctx context.Context, cloud *sandbox, ways ...*way) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	failures := make(chan error, len(ways)*len(delays()))
	for _, d := range delays() {
		for _, w := range ways {
			group.Go(func() {
				if err := w.run(ctx, cloud, d); err != nil {
					failures <- fmt.Errorf("%s, task of %s: %w", w.name, d, err)
					cancel()
				}
			})
		}
	}
	group.Wait()
	close(failures)
	return <-failures // the first, or nil
}

// prompt is the prompt of the task with duration d.
func prompt(d time.Duration) string { return fmt.Sprintf("a task of %dms", d.Milliseconds()) }

func (w *way) run(ctx context.Context, cloud *sandbox, d time.Duration) error {
	var stdout, stderr bytes.Buffer
	c := cloud.command(ctx, append([]string{"run", "-o", "json", prompt(d)}, w.flags...)...)
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	end := time.Now()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	var result struct {
		RequestID   string    `json:"requestId"`
		CompletedAt time.Time `json:"completedAt"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	if result.RequestID == "" || result.CompletedAt.IsZero() {
		return errors.New("the result has no requestId or no completedAt")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lags = append(w.lags, end.Sub(result.CompletedAt))
	w.tasks[result.RequestID] = true
	return nil
}

// count returns the number of calls for the way's tasks.
func (w *way) count(calls map[string]int) int {
	sum := 0
	for id := range w.tasks {
		sum += calls[id]
	}
	return sum
}

// sandbox is a running narada sandbox.
type sandbox struct {
	narada, dir, url string

	process *exec.Cmd
	read    chan struct{}  // closed when its stderr has ended
	calls   map[string]int // status calls by request ID; read it after read is closed
}

// startSandbox returns when the sandbox is ready.
func startSandbox(ctx context.Context, narada, dir string) (*sandbox, error) {
	var rules strings.Builder
	rules.WriteString("rules:\n")
	for _, d := range delays() {
		fmt.Fprintf(&rules, "  - match: '%s$'\n    delay: %s\n", prompt(d), d)
	}
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		return nil, err
	}
	s := &sandbox{narada: narada, dir: dir, read: make(chan struct{}), calls: map[string]int{}}
	s.process = s.command(ctx, "sandbox", "--addr", "127.0.0.1:0", "--rules", file, "-v", "--log-format", "json")
	stderr, err := s.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go s.listen(stderr, ready)
	select {
	case s.url = <-ready:
		return s, nil
	case <-s.read:
		return nil, fmt.Errorf("the sandbox did not start: %w", s.process.Wait())
	}
}

// listen reads the address and the status calls from the sandbox's log.
func (s *sandbox) listen(stderr io.Reader, ready chan<- string) {
	defer close(s.read)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		var record struct{ Event, Message string }
		if json.Unmarshal(lines.Bytes(), &record) != nil {
			continue
		}
		words := strings.Fields(record.Message)
		switch {
		case record.Event == "ready":
			ready <- words[len(words)-1]
		case record.Event == "sandbox" && len(words) > 2 && words[1] == "GET":
			if at := strings.Index(words[2], "req_"); at >= 0 {
				s.calls[strings.TrimSuffix(words[2][at:], ":")]++
			}
		}
	}
}

// command returns a narada command with the settings of this benchmark only.
func (s *sandbox) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.narada, args...)
	c.Dir = s.dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir, "TZ=UTC",
		"NARADA_API_BASE_URL=" + s.url, "NARADA_API_KEY=any", "NARADA_BROWSER_WINDOW_ID=window_1",
	}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	return c
}

// statusCalls stops the sandbox and returns the number of status calls of each task.
func (s *sandbox) statusCalls() (map[string]int, error) {
	if err := s.close(); err != nil {
		return nil, err
	}
	total := 0
	for _, n := range s.calls {
		total += n
	}
	if total == 0 {
		return nil, errors.New("the sandbox logged no status call")
	}
	return s.calls, nil
}

// close stops the sandbox. Closing again does nothing.
func (s *sandbox) close() error {
	if s.process.ProcessState != nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.read
	_ = s.process.Wait() // fails: ended by the signal
	return nil
}

func mean(lags []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range lags {
		sum += d
	}
	return sum / time.Duration(len(lags))
}

func median(lags []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(lags))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
