//go:build linux

// Batching compares narada batch run with programs that only send: the tasks per second
// that each sends to the same server, and the CPU time.
//
//	batching compare [-tasks N] [-rounds N] [-in-flight N] NARADA [SCRIPT.py]
//	batching memory [-tasks N,N] [-in-flight N] NARADA
//	batching latency [-tasks N] [-in-flight N] NARADA
//
// The server is another process on the same machine. It accepts every task, and sends a
// callback if one is requested.
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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	run, ok := map[string]func([]string) error{
		"serve": serve, "bare": bare, "compare": compare, "memory": memory, "latency": latency,
	}[os.Args[1]]
	if !ok {
		usage()
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "batching:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: batching compare|memory|latency [FLAGS] NARADA")
	os.Exit(2)
}

// server is a minimal cloud.
type server struct {
	delay  time.Duration
	client *http.Client
	number atomic.Int64
	times  sync.Map // end of each task, by request ID
}

// serve prints its address and runs the server until stdin is closed.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	delay := flags.Duration("delay", 0, "`DURATION` of a task")
	_ = flags.Parse(args)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{delay: *delay, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}}
	fmt.Printf("http://%s/fast/v2\n", l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, s)
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		w.Header().Set("Content-Type", "application/json")
		if at, ok := s.times.Load(id); ok {
			_, _ = io.WriteString(w, result(id, at.(time.Time), "null"))
			return
		}
		fmt.Fprintf(w, `{"requestId":%q,"status":"pending","createdAt":"2026-01-01T00:00:00Z","completedAt":null}`, id)
		return
	}
	var task struct {
		URL     string            `json:"callbackUrl"`
		Headers map[string]string `json:"callbackHeaders"`
		Secret  string            `json:"callbackSecret"`
	}
	if err := json.NewDecoder(r.Body).Decode(&task); err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	id := fmt.Sprintf("req_%016d", s.number.Add(1))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"requestId":%q}`, id)
	if task.URL == "" {
		return
	}
	time.AfterFunc(s.delay, func() {
		at := time.Now()
		if s.delay > 0 {
			s.times.Store(id, at)
		}
		for range 5 {
			r, err := http.NewRequest(http.MethodPost, task.URL, strings.NewReader(result(id, at, strconv.Quote(task.Secret))))
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/json")
			for name, value := range task.Headers {
				r.Header.Set(name, value)
			}
			resp, err := s.client.Do(r)
			if err != nil {
				continue
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	})
}

// result returns the result of a finished task.
func result(id string, at time.Time, secret string) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"success","response":{"text":"%d"},"createdAt":"2026-01-01T00:00:00Z","completedAt":"2026-01-01T00:00:01Z","usage":{"actions":2,"credits":0.5},"secret":%s}`,
		id, at.UnixNano(), secret)
}

// bare only sends tasks and reads their IDs.
func bare(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ExitOnError)
	inFlight := flags.Int("in-flight", 64, "maximum `N` of calls at once")
	_ = flags.Parse(args)
	url, input := flags.Arg(0), flags.Arg(1)
	f, err := os.Open(input)
	if err != nil {
		return err
	}
	defer f.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *inFlight, MaxConnsPerHost: *inFlight}}
	prompts := make(chan string, *inFlight)
	var failed atomic.Int64
	var workers sync.WaitGroup
	for range *inFlight {
		workers.Go(func() {
			for prompt := range prompts {
				if err := send(client, url, prompt); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		prompts <- lines.Text()
	}
	close(prompts)
	workers.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d calls failed", n)
	}
	return lines.Err()
}

func send(client *http.Client, url, prompt string) error {
	body, err := json.Marshal(map[string]string{"prompt": "/Operator " + prompt, "browserWindowId": "window_1", "timeZone": "Etc/UTC"})
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, url+"/remote-dispatch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("x-api-key", "key")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		RequestID string `json:"requestId"`
	}
	return json.NewDecoder(resp.Body).Decode(&answer)
}

// world is a folder with an input, and a server.
type world struct {
	dir, url string
	stop     func()
}

func newWorld(tasks int, serveArgs ...string) (*world, error) {
	dir, err := os.MkdirTemp("", "batching-")
	if err != nil {
		return nil, err
	}
	var input strings.Builder
	for i := range tasks {
		fmt.Fprintf(&input, "count the open issues of project %d, and say which are the oldest three of them\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "tasks.txt"), []byte(input.String()), 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, append([]string{"serve"}, serveArgs...)...)
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	return &world{dir: dir, url: strings.TrimSpace(line), stop: func() {
		_ = stdin.Close()
		_ = c.Wait()
		_ = os.RemoveAll(dir)
	}}, err
}

// narada returns a batch run command with an empty ledger.
func (w *world) narada(program string, inFlight int, args ...string) (*exec.Cmd, error) {
	state, err := os.MkdirTemp(w.dir, "state-")
	if err != nil {
		return nil, err
	}
	c := exec.Command(program, append([]string{"batch", "run", "tasks.txt", "--local", "--time-zone", "Etc/UTC", "-c", strconv.Itoa(inFlight)}, args...)...)
	c.Dir = w.dir
	c.Env = append(os.Environ(), "HOME="+w.dir, "XDG_CONFIG_HOME="+w.dir, "NARADA_STATE_DIR="+state, "NARADA_API_KEY=key", "NARADA_API_BASE_URL="+w.url, "NARADA_BROWSER_WINDOW_ID=window_1")
	return c, nil
}

// cost is the time that a program took.
type cost struct{ wall, cpu time.Duration }

func timed(c *exec.Cmd) (cost, error) {
	var stderr bytes.Buffer
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	start := time.Now()
	err := c.Run()
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", c.Path, err, stderr.String())
	}
	return cost{time.Since(start), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}, nil
}

func compare(args []string) error {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	tasks := flags.Int("tasks", 20_000, "number `N` of tasks that each program sends")
	rounds := flags.Int("rounds", 5, "number `N` of measurements of each")
	inFlight := flags.Int("in-flight", 64, "maximum `N` of tasks in flight")
	_ = flags.Parse(args)
	if flags.NArg() < 1 {
		usage()
	}
	w, err := newWorld(*tasks)
	if err != nil {
		return err
	}
	defer w.stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	flight := strconv.Itoa(*inFlight)
	names := []string{"narada", "bare"}
	if flags.NArg() > 1 {
		names = append(names, "aiohttp")
	}
	all := map[string][]cost{}
	for range *rounds {
		for _, name := range names {
			var c *exec.Cmd
			switch name {
			case "narada":
				if c, err = w.narada(flags.Arg(0), *inFlight, "-q", "--results", "results.jsonl"); err != nil {
					return err
				}
			case "bare":
				c = exec.Command(self, "bare", "-in-flight", flight, w.url, filepath.Join(w.dir, "tasks.txt"))
			case "aiohttp":
				c = exec.Command(pythonProgram(), flags.Arg(1), w.url, filepath.Join(w.dir, "tasks.txt"), flight)
			}
			one, err := timed(c)
			if err != nil {
				return err
			}
			all[name] = append(all[name], one)
		}
	}
	n := float64(*tasks)
	rate := func(c cost) float64 { return n / c.wall.Seconds() }
	cpu := func(c cost) float64 { return c.cpu.Seconds() * 1000 / n * 1000 }
	for _, name := range names {
		fmt.Printf("%-8s %8.0f tasks/s, %6.1f ms of processor time for 1,000 tasks (medians of %d)\n", name, median(all[name], rate), median(all[name], cpu), *rounds)
	}
	for _, name := range names[1:] {
		fmt.Printf("narada : %s = %.2f in tasks per second, %.2f in CPU time\n", name,
			median(all["narada"], rate)/median(all[name], rate), median(all["narada"], cpu)/median(all[name], cpu))
	}
	return nil
}

func median(list []cost, of func(cost) float64) float64 {
	values := make([]float64, len(list))
	for i, c := range list {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// memory prints the peak memory of batches of several sizes.
func memory(args []string) error {
	flags := flag.NewFlagSet("memory", flag.ExitOnError)
	sizes := flags.String("tasks", "1000,10000,100000", "sizes of the batches")
	inFlight := flags.Int("in-flight", 10_000, "maximum `N` of tasks in flight")
	delay := flags.Duration("delay", 10*time.Second, "`DURATION` of a task")
	_ = flags.Parse(args)
	if runtime.GOOS != "linux" {
		return errors.New("this benchmark needs Linux")
	}
	for _, text := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		w, err := newWorld(n, "-delay", delay.String())
		if err != nil {
			return err
		}
		c, err := w.narada(flags.Arg(0), *inFlight, "-q", "--results", "results.jsonl")
		if err == nil {
			_, err = timed(c)
		}
		w.stop()
		if err != nil {
			return err
		}
		most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss // KiB
		fmt.Printf("%7d tasks, up to %d in flight: %d MiB at the most\n", n, *inFlight, most>>10)
	}
	return nil
}

// latency prints the time from the end of a task to its result in the output.
func latency(args []string) error {
	flags := flag.NewFlagSet("latency", flag.ExitOnError)
	tasks := flags.Int("tasks", 10_000, "tasks")
	inFlight := flags.Int("in-flight", 1000, "maximum `N` of tasks in flight")
	delay := flags.Duration("delay", time.Second, "`DURATION` of a task")
	_ = flags.Parse(args)
	w, err := newWorld(*tasks, "-delay", delay.String())
	if err != nil {
		return err
	}
	defer w.stop()
	c, err := w.narada(flags.Arg(0), *inFlight, "-q", "--jq", ".response.text")
	if err != nil {
		return err
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var after []time.Duration
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && ctx.Err() == nil {
		now := time.Now()
		ended, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			return err
		}
		after = append(after, now.Sub(time.Unix(0, ended)))
	}
	if err := errors.Join(lines.Err(), c.Wait()); err != nil {
		return err
	}
	slices.Sort(after)
	if len(after) != *tasks {
		return fmt.Errorf("%d results", len(after))
	}
	fmt.Printf("from the end of a task to its line, %d in flight: p50 %.1f ms, p99 %.1f ms, slowest %.1f ms\n", *inFlight,
		ms(after[len(after)/2]), ms(after[len(after)*99/100]), ms(after[len(after)-1]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// pythonProgram is the Python that has aiohttp.
func pythonProgram() string {
	if name := os.Getenv("PYTHON"); name != "" {
		return name
	}
	return "python3"
}
