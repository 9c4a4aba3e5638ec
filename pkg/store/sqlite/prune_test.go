package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

func TestPrune(t *testing.T) {
	tests := map[string]struct {
		limits store.Limits
		want   string
	}{
		"by age":           {store.Limits{Before: start.Add(90 * time.Minute)}, "req_4 req_3 req_2 req_0"},
		"by number":        {store.Limits{Keep: 2}, "req_4 req_3 req_0"},
		"both":             {store.Limits{Keep: 1, Before: start.Add(150 * time.Minute)}, "req_4 req_0"},
		"nothing":          {store.Limits{}, "req_4 req_3 req_2 req_1 req_0"},
		"open ones too":    {store.Limits{Keep: 1, Open: true}, "req_4"},
		"more than are":    {store.Limits{Keep: 10}, "req_4 req_3 req_2 req_1 req_0"},
		"before the first": {store.Limits{Before: start}, "req_4 req_3 req_2 req_1 req_0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			for i := range 5 {
				numbers, err := l.Intend(ctx, []store.Intent{{At: start.Add(time.Duration(i) * time.Hour), Ticket: ticket(fmt.Sprint(i))}})
				must(t, err)
				id := fmt.Sprintf("req_%d", i)
				must(t, l.Accepted(ctx, numbers[0], id))
				if i > 0 { // the first goes on
					deliver(t, l, ticket(fmt.Sprint(i)), final(id, ticket(fmt.Sprint(i)), "42"))
				}
			}
			count, err := l.Prune(ctx, test.limits)
			must(t, err)
			var ids []string
			for _, task := range tasks(t, l, store.Query{}) {
				ids = append(ids, task.RequestID)
			}
			if got := strings.Join(ids, " "); got != test.want || int(count) != 5-len(ids) {
				t.Errorf("%d went, left are %q, want %q", count, got, test.want)
			}
			if n, finished := countDeliveries(t, l), len(ids)-strings.Count(test.want, "req_0"); n != finished {
				t.Errorf("%d callbacks are left, want %d", n, finished)
			}
		})
	}
}

// A callback of another process finds its moment while there is much to prune.
func TestPruningLeavesOthersTheirTurn(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	intents := make([]store.Intent, 6*pruneStep)
	for i := range intents {
		intents[i] = store.Intent{At: start, Body: make([]byte, 500)}
	}
	_, err := l.Intend(ctx, intents)
	must(t, err)
	pruned := make(chan error, 1)
	go func() {
		_, err := l.Prune(ctx, store.Limits{Keep: 1, Open: true})
		pruned <- err
	}()
	meanwhile := 0
	for done := false; !done; meanwhile++ {
		deliver(t, other, ticket("a"), final(fmt.Sprint("req_", meanwhile), ticket("a"), "42"))
		select {
		case err := <-pruned:
			must(t, err)
			done = true
		default:
		}
	}
	if meanwhile < 5 {
		t.Errorf("%d callbacks only were stored meanwhile", meanwhile)
	}
}

func TestPruneGivesTheRoomBack(t *testing.T) {
	l := open(t, t.TempDir())
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
