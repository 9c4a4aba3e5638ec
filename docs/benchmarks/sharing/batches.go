//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sandbox starts a narada sandbox whose tasks take that long.
func (w *world) sandbox(ctx context.Context, delay time.Duration) (process, error) {
	c := w.command(ctx, w.dir, "sandbox", "--addr", "127.0.0.1:0", "--delay", delay.String())
	stderr, err := c.StderrPipe()
	if err != nil {
		return process{}, err
	}
	if err := c.Start(); err != nil {
		return process{}, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if w.cloud = regexp.MustCompile(`http://\S+`).FindString(lines.Text()); w.cloud != "" {
			go func() {
				for lines.Scan() { // so that it can write
				}
			}()
			return process{c}, nil
		}
	}
	return process{}, fmt.Errorf("the sandbox did not start: %w", c.Wait())
}

// A batch of the scenario work: so many lines for each worker, of which each works on so many
// at once.
const (
	linesEach   = 800
	concurrency = 16
	taskTime    = 250 * time.Millisecond
)

// minSpeedup is the minimum of the rate of several workers, to that of one.
var minSpeedup = map[int]float64{2: 1.5, 4: 2}

// work compares the rates of batches with several workers.
func work(ctx context.Context, w *world) error {
	sandbox, err := w.sandbox(ctx, taskTime)
	if err != nil {
		return err
	}
	defer sandbox.end()
	workers := []int{1, 2, 4}
	rates := map[int][]float64{}
	rounds := w.size(1, 3)
	for round := range rounds {
		for turn := range workers {
			n := workers[(round+turn)%len(workers)]
			rate, err := w.batch(ctx, n, fmt.Sprintf("round%d-%d", round, n))
			if err != nil {
				return err
			}
			rates[n] = append(rates[n], rate)
		}
	}
	var missed error
	fmt.Printf("lines per second, 1 worker, on this machine: %.0f\n", median(rates[1]))
	for _, n := range workers[1:] {
		var list []float64
		for round := range rounds {
			list = append(list, rates[n][round]/rates[1][round])
		}
		if err := within(median(list) >= minSpeedup[n], "lines per second, %d workers : 1 worker = %.2f (at least %.1f; median of %d rounds, %d tasks at once in each worker)",
			n, median(list), minSpeedup[n], rounds, concurrency); err != nil {
			missed = err
		}
	}
	return missed
}

// batch runs a batch with that many workers and returns its lines per second.
func (w *world) batch(ctx context.Context, workers int, name string) (rate float64, err error) {
	count := w.size(linesEach/8, linesEach) * workers
	var lines strings.Builder
	for n := range count {
		fmt.Fprintf(&lines, "count the open issues of project %d of %s\n", n, name)
	}
	input := filepath.Join(w.dir, name+".txt")
	if err := os.WriteFile(input, []byte(lines.String()), 0o600); err != nil {
		return 0, err
	}
	for range workers {
		c := w.command(ctx, w.url, "batch", "work", name, "--local", "-q", "-c", strconv.Itoa(concurrency), "--until-done")
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			return 0, err
		}
		defer process{c}.end()
	}
	time.Sleep(time.Second) // they have started, and wait for the batch
	began := time.Now()
	results, err := output(w.command(ctx, w.url, "batch", "run", input, "--name", name, "--share", "--no-work", "-q", "-c", strconv.Itoa(workers*concurrency)))
	took := time.Since(began)
	if n := strings.Count(results, "\n"); err == nil && n != count {
		err = fmt.Errorf("%d lines have %d results", count, n)
	}
	return float64(count) / took.Seconds(), err
}

// firstPage is how many tasks narada history lists, and maxFirstPage bounds its time.
const (
	firstPage    = 30
	maxFirstPage = 100 * time.Millisecond
)

// fill adds tasks with an answer each to a ledger, as run and listen do.
const fill = `
	INSERT INTO narada.tasks (number, dispatched_at, request_id, source, cloud, machine, ticket_path, ticket_digest, status, reported_by, finished_at, duration_ms, window_id, prompt, request)
		SELECT n, at, 'req_' || n, 'run', 'https://api.narada.ai/fast/v2', 'laptop', '/narada/' || md5(n::text), md5(n::text), 'success', 'callback', at + interval '45 s', 45000, 'window_1', prompt,
			convert_to(json_build_object('prompt', '/Operator ' || prompt, 'browserWindowId', 'window_1', 'timeZone', 'Etc/UTC')::text, 'UTF8')
		FROM (SELECT n, now() - interval '1 s' * (%[1]d - n) AS at, 'find the salary range at company ' || n || ', and the page that names it' AS prompt FROM generate_series(1, %[1]d) n) s;
	INSERT INTO narada.events (task, at, kind, detail) SELECT number, dispatched_at, 'dispatched', '{}' FROM narada.tasks;
	INSERT INTO narada.deliveries (seq, received_at, request_id, digest, ticket_path, status, final, duration_ms, actions, microcredits, header, body)
		SELECT number, finished_at, request_id, sha256(request), ticket_path, status, true, duration_ms, 0, 0, 'Content-Type: application/json',
			convert_to(json_build_object('requestId', request_id, 'status', status, 'response', json_build_object('text', 'Between 60,000 and 75,000, says the careers page.'),
				'createdAt', dispatched_at, 'completedAt', finished_at, 'secret', NULL)::text, 'UTF8')
		FROM narada.tasks;
	UPDATE narada.newest SET seq = %[1]d;
	SELECT setval(pg_get_serial_sequence('narada.tasks', 'number'), %[1]d)`

// history measures the first page of history in large ledgers: the same one in both engines.
func history(ctx context.Context, w *world) error {
	tasks, folder := w.size(20_000, 1_000_000), filepath.Join(w.dir, "large")
	fmt.Printf("filling ledgers with %d tasks\n", tasks)
	if _, err := output(w.command(ctx, w.url, "history", "-q")); err != nil { // makes the tables
		return err
	}
	if err := w.server.Exec(ctx, "narada", fmt.Sprintf(fill, tasks)); err != nil {
		return err
	}
	if _, err := output(w.command(ctx, w.url, "store", "copy", "--from", "env:NARADA_STORE", "--to", folder)); err != nil {
		return err
	}
	stores := []string{w.url, folder}
	took := make([][]time.Duration, len(stores))
	rounds := w.size(10, 50)
	for round := range rounds + 1 { // the first is a warm-up
		for turn := range stores {
			i := (round + turn) % len(stores)
			began := time.Now()
			page, err := output(w.command(ctx, stores[i], "history", "-q"))
			if err != nil {
				return err
			}
			if !strings.Contains(page, fmt.Sprintf("company %d,", tasks)) || strings.Count(page, "\n") != firstPage {
				return fmt.Errorf("not the first page: %s", page)
			}
			if round > 0 {
				took[i] = append(took[i], time.Since(began))
			}
		}
	}
	shared, own := median(took[0]), median(took[1])
	fmt.Printf("first page of history with %d tasks, PostgreSQL : SQLite = %.2f (medians of %d)\n", tasks, float64(shared)/float64(own), rounds)
	return within(max(shared, own) <= maxFirstPage, "the whole command, at the median: %d ms with PostgreSQL, %d ms with SQLite (at most %v)",
		shared.Milliseconds(), own.Milliseconds(), maxFirstPage)
}
