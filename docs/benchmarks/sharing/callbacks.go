//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// address is where callbacks are sent, with their credentials: the content of a ready file.
type address struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
}

// send sends a callback of about 600 bytes.
func (a address) send(ctx context.Context, client *http.Client, id, text string) error {
	body, err := json.Marshal(map[string]any{
		"requestId": id, "status": "success", "response": map[string]any{"text": text, "structuredOutput": nil}, "browserWindowId": "window_1",
		"createdAt": "2026-01-02T03:04:05+00:00", "completedAt": "2026-01-02T03:04:50+00:00", "usage": map[string]int{"actions": 12, "credits": 5}, "secret": a.Secret,
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range a.Headers {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return err
}

const connections = 64

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
}

// answer is the text of the callbacks of a flood.
var answer = strings.Repeat("The page lists forty-two jobs. ", 12)

// numbers numbers callbacks, so that each has an ID of its own.
var numbers atomic.Int64

// flood sends callbacks on all connections, each when the last one was acknowledged, until
// more returns false, and returns how many.
func flood(ctx context.Context, to address, more func(n int) bool) (count int, err error) {
	client := newClient()
	defer client.CloseIdleConnections()
	var begun, acknowledged atomic.Int64
	failures := make(chan error, connections)
	var sending sync.WaitGroup
	for range connections {
		sending.Go(func() {
			for more(int(begun.Add(1))) {
				if err := to.send(ctx, client, fmt.Sprintf("req_%d", numbers.Add(1)), answer); err != nil {
					failures <- err
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	sending.Wait()
	select {
	case err = <-failures:
	default:
	}
	return int(acknowledged.Load()), err
}

// receiver is a process that receives callbacks.
type receiver struct {
	process
	name string
	to   address
}

// listen starts narada listen.
func (w *world) listen(ctx context.Context, name, store string) (*receiver, error) {
	ready := filepath.Join(w.dir, name+".json")
	c := w.command(ctx, store, "listen", "--local", "-q", "--name", name, "--ready-file", ready)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, err
	}
	r := &receiver{process: process{c}, name: name}
	for range 500 {
		doc, err := os.ReadFile(ready)
		if err == nil {
			return r, json.Unmarshal(doc, &r.to)
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.end()
	return nil, errors.New("narada listen did not become ready")
}

// store starts the bare receiver.
func (w *world) store(ctx context.Context) (*receiver, error) {
	c := w.program(ctx, "storing", w.url, "bare")
	c.Stderr = os.Stderr
	if _, err := c.StdinPipe(); err != nil { // it runs until that is closed
		return nil, err
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	r := &receiver{process: process{c}, name: "bare", to: address{URL: strings.TrimSpace(line), Headers: map[string]string{"Authorization": "Bearer any"}}}
	if err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

// minRate is the minimum of the rate at which narada acknowledges callbacks, to that of the
// bare receiver.
const minRate = 0.6

// receive compares the rates at which receivers acknowledge callbacks.
func receive(ctx context.Context, w *world) error {
	shared, err := w.listen(ctx, "shared", w.url)
	if err != nil {
		return err
	}
	defer shared.end()
	bare, err := w.store(ctx)
	if err != nil {
		return err
	}
	defer bare.end()
	own, err := w.listen(ctx, "own", filepath.Join(w.dir, "own"))
	if err != nil {
		return err
	}
	defer own.end()
	receivers := []*receiver{shared, bare, own}
	rates := make([][]float64, len(receivers))
	rounds, each := w.size(2, 10), time.Duration(w.size(1, 4))*time.Second
	for round := range rounds + 1 { // the first is a warm-up
		for turn := range receivers {
			i := (round + turn) % len(receivers)
			end := time.Now().Add(each)
			n, err := flood(ctx, receivers[i].to, func(int) bool { return time.Now().Before(end) })
			if err != nil {
				return fmt.Errorf("%s: %w", receivers[i].name, err)
			}
			if round > 0 {
				rates[i] = append(rates[i], float64(n)/each.Seconds())
			}
			time.Sleep(time.Second) // an SQLite ledger indexes callbacks when it is idle
		}
	}
	var toBare, toOwn []float64
	for round := range rounds {
		toBare, toOwn = append(toBare, rates[0][round]/rates[1][round]), append(toOwn, rates[0][round]/rates[2][round])
	}
	fmt.Printf("callbacks per second, narada with PostgreSQL, on this machine: %.0f\n", median(rates[0]))
	fmt.Printf("callbacks per second, narada with PostgreSQL : narada with SQLite = %.2f (median of %d rounds, %d connections)\n", median(toOwn), rounds, connections)
	return within(median(toBare) >= minRate, "callbacks per second, narada : bare, both with PostgreSQL = %.2f (at least %.1f)", median(toBare), minRate)
}

// maxGrowth bounds the memory after all callbacks, to that after a tenth of them.
const maxGrowth = 1.3

// memory measures the memory of a receiver.
func memory(ctx context.Context, w *world) error {
	r, err := w.listen(ctx, "shared", w.url)
	if err != nil {
		return err
	}
	defer r.end()
	total, sent := w.size(20_000, 200_000), 0
	var sizes []float64
	for _, until := range []int{total / 10, total / 2, total} {
		n, err := flood(ctx, r.to, func(n int) bool { return sent+n <= until })
		if err != nil {
			return err
		}
		sent += n
		size, err := residentSet(r.Process.Pid)
		if err != nil {
			return err
		}
		fmt.Printf("memory of narada listen after %d callbacks: %.0f MiB\n", sent, size)
		sizes = append(sizes, size)
	}
	growth := sizes[len(sizes)-1] / sizes[0]
	return within(growth <= maxGrowth, "memory after %d callbacks : after %d = %.2f (at most %.1f)", total, total/10, growth, maxGrowth)
}

// residentSet returns the memory of a process in MiB.
func residentSet(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	var kib float64
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(after, &kib)
	return kib / 1024, err
}
