// Flooding sends callbacks to narada listen and prints its memory usage. It reads /proc,
// and so requires Linux.
//
//	flooding [-callbacks N] NARADA
package main

import (
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
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	senders = 64
	samples = 10 // of the memory usage
)

func main() {
	callbacks := flag.Int("callbacks", 200_000, "send `N` callbacks")
	flag.Parse()
	if flag.NArg() != 1 || *callbacks < samples {
		fmt.Fprintln(os.Stderr, "usage: flooding [-callbacks N] NARADA")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := flood(ctx, flag.Arg(0), *callbacks)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "flooding:", err)
		os.Exit(1)
	}
}

// address is the content of a ready file.
type address struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
}

func flood(ctx context.Context, narada string, callbacks int) error {
	dir, err := os.MkdirTemp("", "narada-flooding-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	listen := exec.CommandContext(ctx, narada, "listen", "--local", "-q", "-o", "json", "--ready-file", filepath.Join(dir, "ready.json"))
	listen.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=", "NARADA_STATE_DIR="+dir)
	listen.Stderr = os.Stderr
	if err := listen.Start(); err != nil {
		return err
	}
	defer func() {
		_ = listen.Process.Signal(os.Interrupt)
		_ = listen.Wait()
	}()
	to, err := ready(filepath.Join(dir, "ready.json"))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	fmt.Println("callbacks  memory of narada listen")
	for sample := range samples {
		from, until := callbacks*sample/samples, callbacks*(sample+1)/samples
		if err := sendAll(ctx, client, to, from, until); err != nil {
			return err
		}
		kib, err := residentSet(listen.Process.Pid)
		if err != nil {
			return err
		}
		fmt.Printf("%9d  %.0f MiB\n", until, float64(kib)/1024)
	}
	return nil
}

func ready(path string) (to address, err error) {
	for range 500 {
		doc, err := os.ReadFile(path)
		if err == nil {
			return to, json.Unmarshal(doc, &to)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return to, errors.New("narada listen did not become ready")
}

func sendAll(ctx context.Context, client *http.Client, to address, from, until int) error {
	var next atomic.Int64
	next.Store(int64(from))
	failures := make(chan error, senders)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= until {
					return
				}
				if err := send(ctx, client, to, i); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	sending.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

func send(ctx context.Context, client *http.Client, to address, i int) error {
	body := fmt.Sprintf(`{"requestId":"req_%d","status":"success","response":{"text":%q},"completedAt":"2026-01-02T03:04:50Z","secret":%q}`,
		i, bytes.Repeat([]byte("The page lists forty-two jobs. "), 14), to.Secret)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range to.Headers {
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

// residentSet returns the memory usage of a process in KiB.
func residentSet(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, errors.New("/proc has no VmRSS")
}
