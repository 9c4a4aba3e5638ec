package cmd

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// refusedKills is the number of kills if NARADA_FAULT_KILLS is not set.
const refusedKills = 3

// A batch that is killed while its lines wait after a definite refusal sends them again when
// it is resumed, without --resend-unknown: none of them is unknown, and none is accepted
// twice.
func TestARefusedLineIsSentAgainAfterAKill(t *testing.T) {
	kills := refusedKills
	if n, err := strconv.Atoi(os.Getenv("NARADA_FAULT_KILLS")); err == nil {
		kills = n
	}
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
	counts := map[narada.Status]int{}
	err = ledger.Tasks(context.Background(), store.Query{}, func(task store.Task) error {
		counts[task.Status]++
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return counts
}
