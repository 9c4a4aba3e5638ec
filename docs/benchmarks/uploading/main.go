//go:build unix

// Uploading compares uploading a large file by narada and by curl -F to the same local
// server:
//
//	uploading [-rounds N] [-size BYTES] [-min-ratio RATIO] [-max-memory MIB] NARADA
//
// NARADA is the path of a narada. The program alternates "narada dispatch --attach" and
// "curl -F", and prints the medians, the ratio of the throughputs and narada's peak
// memory. The exit code is 1 if a limit is exceeded.
package main

import (
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
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "measure `N` uploads by each")
	size := flag.Int64("size", 1<<30, "upload a file of `BYTES` zeros")
	minRatio := flag.Float64("min-ratio", 0.8, "fail if the throughput is below `RATIO` times that of curl")
	maxMemory := flag.Float64("max-memory", 64, "fail if narada uses more than `MIB` MiB of memory")
	flag.Parse()
	c := comparison{rounds: *rounds, size: *size, minRatio: *minRatio, maxMemory: *maxMemory}
	good, err := c.run(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "uploading:", err)
		os.Exit(2)
	}
	if !good {
		os.Exit(1)
	}
}

type comparison struct {
	rounds              int
	size                int64
	minRatio, maxMemory float64

	url      string
	received atomic.Int64 // bytes of the last upload's body
}

func (c *comparison) run(args []string) (good bool, err error) {
	if len(args) != 1 || c.rounds < 1 || c.size < 1 {
		return false, errors.New("expected one NARADA; rounds and size must be at least 1")
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "uploading-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "zeros.bin")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return false, err
	}
	if err := os.Truncate(file, c.size); err != nil {
		return false, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false, err
	}
	c.url = "http://" + listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(c.serve)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	return c.compare(
		[]string{args[0], "dispatch", "-q", "--attach", file, "x"},
		[]string{curl, "-sS", "-o", os.DevNull, "-F", "key=k", "-F", "file=@" + file, c.url + "/storage"},
	)
}

// serve implements the API calls of an upload and a dispatch, and a storage that discards
// its input.
func (c *comparison) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/storage" {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, `{"url":"%s/storage","fields":{"key":"k"},"requestId":"req_1"}`, c.url)
		return
	}
	var n int64
	for buffer := make([]byte, 1<<20); ; {
		got, err := r.Body.Read(buffer)
		n += int64(got)
		if err != nil {
			break
		}
	}
	c.received.Store(n)
	w.WriteHeader(http.StatusNoContent)
}

func (c *comparison) compare(narada, curl []string) (good bool, err error) {
	var times [2][]time.Duration
	var memory float64
	for round := range c.rounds + 1 { // the first one warms up
		for i, words := range [][]string{narada, curl} {
			took, mib, err := c.upload(words)
			if err != nil {
				return false, err
			}
			if round == 0 {
				continue
			}
			times[i] = append(times[i], took)
			if i == 0 {
				memory = max(memory, mib)
			}
		}
	}
	ratio := float64(median(times[1])) / float64(median(times[0]))
	fmt.Printf("narada  median %d ms of %d uploads of %d MiB\n", median(times[0]).Milliseconds(), c.rounds, c.size>>20)
	fmt.Printf("curl    median %d ms\n", median(times[1]).Milliseconds())
	fmt.Printf("throughput, narada : curl  %.2f (minimum %.2f)\n", ratio, c.minRatio)
	fmt.Printf("peak memory of narada  %.0f MiB (maximum %.0f)\n", memory, c.maxMemory)
	return ratio >= c.minRatio && memory <= c.maxMemory, nil
}

// upload runs a command and returns its duration and peak memory.
func (c *comparison) upload(words []string) (took time.Duration, mib float64, err error) {
	c.received.Store(0)
	cmd := exec.Command(words[0], words[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), "NARADA_API_BASE_URL="+c.url, "NARADA_API_KEY=any", "NARADA_BROWSER_WINDOW_ID=w")
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", words[0], err, stderr.String())
	}
	took = time.Since(start)
	if n := c.received.Load(); n < c.size {
		return 0, 0, fmt.Errorf("%s: received %d of %d bytes", words[0], n, c.size)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0, errors.New("the system does not report the memory of a process")
	}
	unit := 1024.0 // in KiB on Linux
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return took, float64(usage.Maxrss) * unit / (1 << 20), nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
