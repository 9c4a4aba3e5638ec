package cmd

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

const (
	interruptCallbacks = 300
	interruptSenders   = 8
	interruptTimes     = 6
)

// endpointLog is an endpoint that counts the callbacks of each task.
type endpointLog struct {
	mu    sync.Mutex
	times map[string]int
}

func (e *endpointLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if result, _, err := narada.ParseCallback(body); err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.times[result.RequestID]++
	}
}

// tasks is of how many tasks it has a callback.
func (e *endpointLog) tasks() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.times)
}

// However often a listener is interrupted and started again, each callback that it
// acknowledged is filtered, printed once, and forwarded once.
func TestAcknowledgedCallbacksSurviveInterrupts(t *testing.T) {
	needUnix(t)
	target := &endpointLog{times: map[string]int{}}
	hook := httptest.NewServer(target)
	defer hook.Close()
	dir, address := t.TempDir(), freeAddress(t)
	tickets := intendTickets(t, dir, interruptCallbacks)
	var printed bytes.Buffer
	start := func() killed {
		c := exec.Command("narada", "listen", "-q", "--addr", address, "--public-url", "https://hooks.example.com", "--forward-to", hook.URL,
			"--filter", `.status == "success"`, "--jq", `[.requestId, .status] | @tsv`)
		c.Env = append(os.Environ(), "NARADA_STATE_DIR="+dir, "HOME="+dir, "GORACE=atexit_sleep_ms=0")
		c.Stdout, c.Stderr = &printed, os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return killed{c}
	}

	sending := startSending(t, address, tickets, interruptSenders)
	for n := range int64(interruptTimes) {
		listen := start()
		for sending.acknowledged.Load() < (n+1)*interruptCallbacks/(interruptTimes+1) {
			time.Sleep(100 * time.Microsecond)
		}
		listen.stop(t)
	}
	last := start()
	sending.Wait()
	if err := eventually(func() bool { return target.tasks() == interruptCallbacks }); err != nil {
		t.Error(err)
	}
	last.stop(t)
	checkOnce(t, dir, printed.String(), target.times)
}

// checkOnce checks that each callback is in the ledger, forwarded once, and printed once.
func checkOnce(t *testing.T, dir, printed string, forwarded map[string]int) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lines := map[string]int{}
	for line := range strings.Lines(printed) {
		id, _, _ := strings.Cut(line, "\t")
		lines[id]++
	}
	for i := range interruptCallbacks {
		id := fmt.Sprint("req_", i)
		task, ok, err := l.Task(t.Context(), id)
		if err != nil || !ok || task.Open() || task.Forwarded != store.ForwardDelivered {
			t.Errorf("%s: %v, %v, %+v", id, ok, err, task)
		}
		if forwarded[id] != 1 || lines[id] != 1 {
			t.Errorf("%s: forwarded %d times, printed %d times", id, forwarded[id], lines[id])
		}
	}
}
