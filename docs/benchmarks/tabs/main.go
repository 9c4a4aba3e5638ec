// Tabs measures whether open pages of narada ui hurt what writes the ledger, and commands:
// callbacks arrive at a rate, without pages and with some of them open, in turn.
//
//	tabs [-tabs N] [-rate N] [-seconds N] [-rounds N] [-limit RATIO] PAGE READY COMMAND [ARG...]
//
// PAGE is the URL that narada ui printed, READY the ready file of a narada listen with the
// same ledger, COMMAND what is run again and again. Each page does what its script does. It
// exits with 1 if the rate with pages is less than RATIO of that without, or the command
// takes 1/RATIO of the time or more, by the medians of the rounds.
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
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connections are those that callbacks are sent on.
const connections = 64

type ready struct {
	URL     string
	Secret  string
	Headers map[string]string
}

// bench has what a round needs.
type bench struct {
	page    string
	to      ready
	command []string
	tabs    int
	rate    float64
	seconds int
	client  *http.Client
	sent    atomic.Int64 // callbacks of all rounds
}

// sample is what a round measured.
type sample struct {
	rate    float64       // callbacks acknowledged a second
	slow    time.Duration // 99th percentile of an acknowledgement
	command time.Duration // median
	pages   int           // that the tabs loaded
}

func main() {
	b := &bench{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections + 100}}}
	flag.IntVar(&b.tabs, "tabs", 10, "number of pages")
	flag.Float64Var(&b.rate, "rate", 5000, "callbacks a second")
	flag.IntVar(&b.seconds, "seconds", 5, "length of a round")
	rounds := flag.Int("rounds", 5, "number of rounds of each kind")
	limit := flag.Float64("limit", 0.8, "limit of the ratios")
	flag.Parse()
	if flag.NArg() < 3 {
		flag.Usage()
		os.Exit(2)
	}
	b.page, b.command = flag.Arg(0), flag.Args()[2:]
	content, err := os.ReadFile(flag.Arg(1))
	if err == nil {
		err = json.Unmarshal(content, &b.to)
	}
	var without, with []sample
	for i := 0; i <= *rounds && err == nil; i++ { // the first one does not count
		var first, second sample
		if first, err = b.round(0); err == nil {
			second, err = b.round(b.tabs)
		}
		if i > 0 {
			without, with = append(without, first), append(with, second)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tabs:", err)
		os.Exit(1)
	}
	if !report(without, with, b.tabs, *limit) {
		os.Exit(1)
	}
}

func report(without, with []sample, tabs int, limit float64) (good bool) {
	median := func(list []sample, of func(sample) float64) float64 {
		var values []float64
		for _, s := range list {
			values = append(values, of(s))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	show := func(what, unit string, of func(sample) float64) (ratio float64) {
		a, b := median(without, of), median(with, of)
		fmt.Printf("%s, %d pages : none: %.2f (%.0f : %.0f%s)\n", what, tabs, b/a, b, a, unit)
		return b / a
	}
	rate := show("callbacks a second", "", func(s sample) float64 { return s.rate })
	show("99th percentile of an acknowledgement", " ms", func(s sample) float64 { return float64(s.slow.Microseconds()) / 1000 })
	command := show("a command", " ms", func(s sample) float64 { return float64(s.command.Microseconds()) / 1000 })
	fmt.Printf("pages loaded a round: %.0f\n", median(with, func(s sample) float64 { return float64(s.pages) }))
	return rate >= limit && command <= 1/limit
}

// round sends callbacks for some seconds, with pages open.
func (b *bench) round(tabs int) (s sample, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var pages atomic.Int64
	var work sync.WaitGroup
	failed := make(chan error, tabs+1)
	for range tabs {
		work.Go(func() { failed <- b.tab(ctx, &pages) })
	}
	var commands []time.Duration
	work.Go(func() {
		var err error
		commands, err = b.commands(ctx)
		failed <- err
	})
	s.rate, s.slow, err = b.send()
	cancel()
	work.Wait()
	close(failed)
	for one := range failed {
		err = errors.Join(err, one)
	}
	slices.Sort(commands)
	if len(commands) == 0 && err == nil {
		err = errors.New("the command took longer than a round")
	}
	if err != nil {
		return s, err
	}
	s.command, s.pages = commands[len(commands)/2], int(pages.Load())
	return s, nil
}

// send sends callbacks at the rate, each on the next connection that is free.
func (b *bench) send() (rate float64, slow time.Duration, err error) {
	began, limit := time.Now(), time.Duration(b.seconds)*time.Second
	var next atomic.Int64
	var sending sync.WaitGroup
	took, failed := make([][]time.Duration, connections), make([]error, connections)
	for i := range connections {
		sending.Go(func() {
			for failed[i] == nil {
				due := time.Duration(float64(next.Add(1)) / b.rate * float64(time.Second))
				if due > limit || time.Since(began) > limit {
					return
				}
				time.Sleep(due - time.Since(began))
				sent := time.Now()
				failed[i] = b.post()
				took[i] = append(took[i], time.Since(sent))
			}
		})
	}
	sending.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return float64(len(all)) / time.Since(began).Seconds(), all[len(all)*99/100], errors.Join(failed...)
}

// post sends a callback.
func (b *bench) post() error {
	body := fmt.Sprintf(`{"requestId":"req_%d_%d","status":"success","completedAt":"2026-01-02T03:04:05Z","secret":%q,"response":{"text":"done"}}`, os.Getpid(), b.sent.Add(1), b.to.Secret)
	request, err := http.NewRequest(http.MethodPost, b.to.URL, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range b.to.Headers {
		request.Header.Set(name, value)
	}
	answer, err := b.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// tab does what the script of a page does: it loads the page after an event, no sooner than
// 400 ms after the last time, or nine times as long as that took.
func (b *bench) tab(ctx context.Context, pages *atomic.Int64) error {
	stream, err := b.get(ctx, strings.Replace(b.page, "/?", "/stream?", 1))
	if err != nil {
		return ended(ctx, err)
	}
	defer stream.Close()
	events := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(stream); lines.Scan(); {
			select {
			case events <- true:
			default:
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
		}
		began := time.Now()
		page, err := b.get(ctx, strings.Replace(b.page, "/?", "/callbacks?", 1))
		if err == nil {
			_, err = io.Copy(io.Discard, page)
			_ = page.Close()
		}
		if err != nil {
			return ended(ctx, err)
		}
		pages.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(max(400*time.Millisecond, 9*time.Since(began)) - time.Since(began)):
		}
	}
}

// ended returns err, nil if ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (b *bench) get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New(answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}

// commands runs the command again and again, five times a second.
func (b *bench) commands(ctx context.Context) (took []time.Duration, err error) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := exec.CommandContext(ctx, b.command[0], b.command[1:]...).Run(); err != nil {
			return took, ended(ctx, err)
		}
		took = append(took, time.Since(began))
		select {
		case <-ctx.Done():
		case <-time.After(200*time.Millisecond - time.Since(began)):
		}
	}
	return took, nil
}
