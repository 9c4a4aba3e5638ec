// Acknowledging compares the rate of callbacks at narada's endpoint, which stores each
// durably before it is acknowledged, with a bare net/http server that decodes the same
// body and stores nothing.
//
//	acknowledging [-rounds N] [-seconds N] [-connections N] [-limit R] [-p99 D] [-starved R] [-over D]
//
// Both servers and the senders are in this process.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

type options struct {
	rounds      int
	seconds     int
	connections int
	limit       float64 // minimum ratio of the rates
	p99         time.Duration
	starved     float64       // minimum rate of a connection, as a share of the mean
	over        time.Duration // maximum time over a plain sync, for one connection
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "number `N` of measurements of each server")
	flag.IntVar(&o.seconds, "seconds", 3, "length `N` of a measurement in seconds")
	flag.IntVar(&o.connections, "connections", 64, "number `N` of concurrent connections")
	flag.Float64Var(&o.limit, "limit", 0, "minimum `RATIO` of the rates, narada : bare; below it the exit code is 1")
	flag.DurationVar(&o.p99, "p99", 100*time.Millisecond, "maximum `DURATION` of narada's 99th percentile")
	flag.Float64Var(&o.starved, "starved", 0.5, "minimum `SHARE` of the mean for each connection")
	flag.DurationVar(&o.over, "over", time.Millisecond, "maximum `DURATION` of an acknowledgement over a plain sync, with one connection")
	flag.Parse()
	if flag.NArg() != 0 || o.rounds < 1 || o.seconds < 1 || o.connections < 1 {
		fmt.Fprintln(os.Stderr, "usage: acknowledging [-rounds N] [-seconds N] [-connections N] [-limit R]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compare(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "acknowledging:", err)
		os.Exit(1)
	}
}

// server is a server that is compared.
type server struct {
	name   string
	url    string
	ticket webhook.Ticket
	stop   func() error

	// after does the remaining work after the callbacks; nil: none.
	after func(context.Context) error

	rates     []float64 // callbacks per second
	latencies []time.Duration
	fewest    float64 // callbacks of the slowest connection, as a share of the mean
	count     int     // total callbacks
	rest      time.Duration
}

func compare(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "narada-acknowledging-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	listen, err := startEndpoint(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listen.stop()) }()
	bare, err := startBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	servers := []*server{listen, bare}
	for round := range o.rounds + 1 { // the first is a warm-up
		for _, s := range servers {
			if err := s.measure(ctx, o, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	if o.connections == 1 {
		plain, err := plainSync(dir)
		if err != nil {
			return err
		}
		slices.Sort(listen.latencies)
		if over := listen.percentile(50) - plain; over > o.over {
			return fmt.Errorf("an acknowledgement takes %v over a plain sync", over)
		}
		fmt.Printf("narada  acknowledges in %v more than the %v of a plain write and sync of 700 bytes (medians)\n",
			(listen.percentile(50) - plain).Round(10*time.Microsecond), plain.Round(10*time.Microsecond))
	}
	for _, s := range servers {
		slices.Sort(s.latencies)
		fmt.Printf("%-7s %8.0f callbacks/s, p50 %v, p99 %v, slowest %v; the slowest connection had %.2f of the mean\n", s.name, median(s.rates),
			s.percentile(50).Round(10*time.Microsecond), s.percentile(99).Round(10*time.Microsecond), s.percentile(100).Round(10*time.Microsecond), s.fewest)
	}
	fmt.Printf("narada  indexing after each round took %.1f µs per callback, not included in the rate\n", float64(listen.rest.Microseconds())/float64(listen.count))
	ratio := median(listen.rates) / median(bare.rates)
	fmt.Printf("narada : bare = %.2f (median of %d rounds, %d connections, GOMAXPROCS=%d)\n", ratio, o.rounds, o.connections, runtime.GOMAXPROCS(0))
	switch {
	case ratio < o.limit:
		return fmt.Errorf("below the limit of %.2f", o.limit)
	case listen.percentile(99) > o.p99:
		return fmt.Errorf("narada's 99th percentile is over %v", o.p99)
	case listen.fewest < o.starved:
		return fmt.Errorf("a connection had less than %.2f of the mean", o.starved)
	}
	return nil
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func (s *server) percentile(p int) time.Duration {
	return s.latencies[min(len(s.latencies)*p/100, len(s.latencies)-1)]
}

// startEndpoint opens an endpoint as narada listen does, with its ledger in dir.
func startEndpoint(ctx context.Context, dir string) (*server, error) {
	kept, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	endpoint, err := tunnel.Open(ctx, tunnel.Config{Loopback: true, PathPrefix: receive.Prefix})
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	in := receive.Open(endpoint, receive.Options{Sink: kept, Tickets: kept, Random: rand.Reader})
	s := &server{name: "narada", fewest: 1}
	s.after = func(ctx context.Context) error { // opening indexes the rest
		again, err := sqlite.Open(ctx, dir, sqlite.Options{})
		if err != nil {
			return err
		}
		return again.Close()
	}
	s.stop = func() error { return errors.Join(in.Close(), kept.Close()) }
	if s.ticket, err = in.Issue(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	kept.Share(s.ticket)
	s.url = in.URL(s.ticket)
	return s, nil
}

// plainSync returns the median time to append 700 bytes to a file and sync it.
func plainSync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "plain"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	s := server{}
	for range 2000 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 700)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		s.latencies = append(s.latencies, time.Since(start))
	}
	slices.Sort(s.latencies)
	return s.percentile(50), nil
}

// startBare starts the bare server.
func startBare() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &http.Server{Handler: http.HandlerFunc(decode)}
	s := &server{name: "bare", url: "http://" + l.Addr().String() + "/", stop: h.Close, fewest: 1}
	go func() { _ = h.Serve(l) }()
	return s, nil
}

func decode(w http.ResponseWriter, r *http.Request) {
	var callback struct {
		RequestID string `json:"requestId"`
		Status    string `json:"status"`
		Response  struct {
			Text string `json:"text"`
		} `json:"response"`
		CompletedAt string `json:"completedAt"`
		Secret      string `json:"secret"`
	}
	if err := json.NewDecoder(r.Body).Decode(&callback); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"received":true}`)
}

// measure sends callbacks on all connections concurrently for some seconds.
func (s *server) measure(ctx context.Context, o options, round int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.seconds)*time.Second)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: o.connections, MaxConnsPerHost: o.connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var senders sync.WaitGroup
	var failure atomic.Pointer[error]
	times := make([][]time.Duration, o.connections)
	start := time.Now()
	for i := range o.connections {
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				if err := s.send(ctx, client, fmt.Sprintf("req_%d_%d_%d", round, i, n)); err != nil {
					if ctx.Err() == nil {
						failure.Store(&err)
						cancel()
					}
					return
				}
				times[i] = append(times[i], time.Since(began))
			}
		})
	}
	senders.Wait()
	took := time.Since(start)
	if err := failure.Load(); err != nil {
		return *err
	}
	start = time.Now()
	if s.after != nil {
		if err := s.after(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	if round == 0 {
		return nil
	}
	s.rest += time.Since(start)
	count, fewest := 0, len(times[0])
	for _, list := range times {
		count, fewest = count+len(list), min(fewest, len(list))
		s.latencies = append(s.latencies, list...)
	}
	s.count += count
	s.rates = append(s.rates, float64(count)/took.Seconds())
	s.fewest = min(s.fewest, float64(fewest)*float64(o.connections)/float64(count))
	return nil
}

// send sends a callback of some 600 bytes.
func (s *server) send(ctx context.Context, client *http.Client, id string) error {
	body := make([]byte, 0, 700)
	body = append(body, `{"requestId":`+strconv.Quote(id)+`,"status":"success","response":{"text":"`...)
	body = append(body, bytes.Repeat([]byte("The page lists forty-two jobs. "), 12)...)
	body = append(body, `","structuredOutput":null},"browserWindowId":"window_1","createdAt":"2026-01-02T03:04:05+00:00","completedAt":"2026-01-02T03:04:50+00:00","usage":{"actions":12,"credits":5},"secret":`+strconv.Quote(s.ticket.Secret)+`}`...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name := range s.ticket.Header {
		req.Header.Set(name, s.ticket.Header.Get(name))
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
