package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// refusedKills is the number of kills if NARADA_FAULT_KILLS is not set.
const refusedKills = 3

func kills() int {
	if n, err := strconv.Atoi(os.Getenv("NARADA_FAULT_KILLS")); err == nil {
		return n
	}
	return refusedKills
}

// A batch that is killed while its lines wait after a definite refusal sends them again when
// it is resumed, without --resend-unknown: none of them is unknown, and none is accepted
// twice.
func TestARefusedLineIsSentAgainAfterAKill(t *testing.T) {
	kills := kills()
	for name, test := range map[string]struct {
		lines       int
		concurrency string
		refused     int // lines that wait after a refusal, in each run
		fault       string
	}{
		"503 with Retry-After": {8, "8", 8, "status: 503, retryAfter: 60, each: true"},
		// It holds up the other lines, too.
		"429": {3, "1", 1, "status: 429, retryAfter: 60"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFaultyBatch(t, test.lines, fmt.Sprintf("delay: 20ms\nrules:\n  - text: done\n    faults: {dispatch: {%s, times: %d}}\n", test.fault, kills))
			args := []string{"--via", "poll", "--timeout", "5m", "-c", test.concurrency}
			for i := range kills {
				c := b.start(args...)
				want := map[narada.Status]int{store.StatusRefused: test.refused * (i + 1)}
				if err := eventually(func() bool { return maps.Equal(b.statuses(), want) }); err != nil {
					t.Fatalf("%v: %v, want %v; %s", err, b.statuses(), want, b.stderr.String())
				}
				time.Sleep(rand.N(300 * time.Millisecond)) // any moment of the minute
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = c.Wait()
				if got := b.statuses(); !maps.Equal(got, want) {
					t.Fatalf("after kill %d: %v, want %v", i+1, got, want)
				}
			}
			if exit := code(b.start(args...).Wait()); exit != codeDone {
				t.Fatalf("exit code %d: %s", exit, b.stderr.String())
			}
			results, dispatched := b.results(), b.dispatched()
			for line := 1; line <= test.lines; line++ {
				if results[line] != "success" || dispatched[line] != 1 {
					t.Errorf("line %d: %q, accepted %d times", line, results[line], dispatched[line])
				}
			}
		})
	}
}

// statuses counts the tasks in the ledger by their status.
func (b *faultyBatch) statuses() map[narada.Status]int {
	counts := map[narada.Status]int{}
	for _, task := range b.stored() {
		counts[task.Status]++
	}
	return counts
}

// stored returns the tasks in the ledger.
func (b *faultyBatch) stored() (tasks []store.Task) {
	b.t.Helper()
	dir := filepath.Join(b.dir, "state")
	if !exists(filepath.Join(dir, "ledger.db")) {
		return nil
	}
	ledger, err := sqlite.Open(context.Background(), dir, sqlite.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer ledger.Close()
	err = ledger.Tasks(context.Background(), store.Query{}, func(task store.Task) error {
		tasks = append(tasks, task)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return tasks
}

// refusing is an API in front of the cloud that refuses two of three dispatches for some
// seconds, until it is busy no more.
type refusing struct {
	cloud  http.Handler
	status int

	mu      sync.Mutex
	busy    bool
	asked   int
	refused map[string]time.Time // by prompt, when the last dispatch was refused
}

func (a *refusing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		a.cloud.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var dispatch struct{ Prompt string }
	_ = json.Unmarshal(body, &dispatch)
	a.mu.Lock()
	a.asked++
	refuses := a.busy && a.asked%3 > 0
	delete(a.refused, dispatch.Prompt)
	a.mu.Unlock()
	if !refuses {
		a.cloud.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "10")
	w.WriteHeader(a.status)
	_ = http.NewResponseController(w).Flush()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused[dispatch.Prompt] = time.Now()
}

// refusedBefore is whether the last dispatch of the prompt was refused before then.
func (a *refusing) refusedBefore(prompt string, then time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.refused[prompt]
	return ok && at.Before(then)
}

// unwritten counts the lines that were refused that long ago, and are not stored as refused.
func (a *refusing) unwritten(b *faultyBatch, ago time.Duration) (n int) {
	then := time.Now().Add(-ago)
	for _, task := range b.stored() {
		if a.refusedBefore(task.Prompt, then) && task.Status != store.StatusRefused {
			n++
		}
	}
	return n
}

// However many lines are accepted and refused around the kill, a line whose last dispatch was
// refused is never unknown.
func TestNoRefusedLineIsUnknownAfterAKill(t *testing.T) {
	const tasks, atOnce, moment = 120, "40", time.Second // for the write of a refusal, on a busy machine
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			b := newFaultyBatch(t, tasks, "delay: 20ms\nrules:\n  - text: done\n")
			cloud, err := url.Parse(b.cloud.URL())
			if err != nil {
				t.Fatal(err)
			}
			api := &refusing{cloud: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: cloud.Scheme, Host: cloud.Host}), status: status, busy: true, refused: map[string]time.Time{}}
			server := httptest.NewServer(api)
			defer server.Close()
			b.env = append(b.env, "NARADA_API_BASE_URL="+server.URL+cloud.Path)
			args := []string{"--via", "poll", "--timeout", "5m", "-c", atOnce}
			waited := 0
			for range kills() {
				c := b.start(args...)
				time.Sleep(moment + rand.N(3*time.Second))
				if err := eventually(func() bool { return api.unwritten(b, moment) == 0 }); err != nil { // on a machine that is slow
					t.Fatal(err)
				}
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				then := time.Now().Add(-moment)
				_ = c.Wait()
				for _, task := range b.stored() {
					if !api.refusedBefore(task.Prompt, then) {
						continue
					}
					if waited++; task.Status != store.StatusRefused {
						t.Errorf("%s was refused, and is %s", task.Prompt, task.Status)
					}
				}
			}
			api.mu.Lock()
			api.busy = false
			api.mu.Unlock()
			if exit := code(b.start(append(args, "--resend-unknown")...).Wait()); exit != codeDone || waited == 0 {
				t.Errorf("exit code %d, %d lines waited at the kills: %s", exit, waited, b.stderr.String())
			}
			t.Logf("%d lines waited at the kills", waited)
		})
	}
}
