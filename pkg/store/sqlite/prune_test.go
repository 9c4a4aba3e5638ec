package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// Another process can store a callback after each step.
func TestPrunePausesForOtherWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l, other := open(t, dir), open(t, dir)
		begun, pruning, stored := time.Now(), make(chan bool), make(chan time.Duration, 1)
		go func() {
			<-pruning
			deliver(t, other, ticket("a"), final("req_1", ticket("a"), "42"))
			stored <- time.Since(begun)
		}()
		must(t, l.paced(ctx, func(transaction) error {
			close(pruning)
			time.Sleep(time.Second)
			return nil
		}))
		if took, pause := time.Since(begun), time.Since(begun)-<-stored; took != (1+prunePause)*time.Second || pause <= 0 || pause > prunePause*time.Second {
			t.Errorf("it was stored %v before the end of a step of %v", pause, took)
		}
		begun = time.Now()
		must(t, l.paced(ctx, func(transaction) error { return nil }))
		if took := time.Since(begun); took != minPrunePause {
			t.Errorf("the pause after a short step is %v", took)
		}
	})
}

func TestPruneFreesDiskSpace(t *testing.T) {
	l := openWith(t, t.TempDir(), Options{tick: make(chan time.Time)})
	text := strings.Repeat("x", 100_000)
	for i := range 20 {
		deliver(t, l, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), text))
	}
	must(t, l.index(ctx))
	before := l.Size()
	if _, err := l.Prune(ctx, store.Limits{Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if after := l.Size(); after > before/4 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}
