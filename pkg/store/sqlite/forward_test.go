package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// unknownOp is an op that no engine knows.
type unknownOp struct{ store.Op }

func TestABacklogIsIndexedInStepsBeforeAForwardIsStored(t *testing.T) {
	l := openWith(t, t.TempDir(), Options{tick: make(chan time.Time)})
	const count = 2*indexStep + 10
	ops := make([]store.Op, count)
	for i := range ops {
		ops[i] = &store.Deliver{Delivery: callback(t, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), "42"))}
	}
	must(t, l.Write(ctx, ops...))
	indexed := func() int64 {
		n, _, err := readOne(ctx, l, plain[int64], "SELECT seq FROM indexed")
		must(t, err)
		return n
	}
	tried := &store.ForwardTried{Seq: indexStep + 1, Target: "t", At: time.Now()}
	if err := l.Write(ctx, tried, unknownOp{}); err == nil {
		t.Fatal("an unknown op was written")
	}
	if got := indexed(); got != 2*indexStep {
		t.Errorf("with the failed write undone, %d callbacks are indexed, want %d", got, 2*indexStep)
	}
	must(t, l.Write(ctx, tried))
	if got := indexed(); got != 2*indexStep {
		t.Errorf("%d callbacks are indexed, though the task was known", got)
	}
}
