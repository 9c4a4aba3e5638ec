//go:build unix

package postgres

import (
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The machine that sent the task has a clock that is months slow.
func TestAnUnknownLineIsWaitedForByTheClockOfTheServer(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	put := &store.PutBatch{Batch: testBatch("b")}
	must(t, w.Write(ctx, put))
	line := &store.QueueLine{Item: store.Item{Batch: put.Number, Key: []byte("a"), Line: 1}, Intent: storetest.Intent("a")}
	claim := &store.Claim{Batch: put.Number, Owner: "o", Call: 1, Max: 1, At: later,
		Limits:    store.ClaimLimits{Concurrency: 1, Lease: -time.Hour, TimeLimit: time.Hour, SendLimit: time.Hour},
		Addresses: []store.Address{{Ticket: webhook.Ticket{Path: "/narada/a"}, URL: "https://a.example/narada/a"}}}
	must(t, w.Write(ctx, &store.OpenWork{Batch: put.Number, Options: "{}"}, line, claim))
	claimed, err := w.Claimed(ctx, "o", 1)
	must(t, err)
	same(t, "claimed", 1, len(claimed))
	must(t, w.Write(ctx, &store.FinishLine{HeldLine: store.HeldLine{Batch: put.Number, Key: line.Item.Key, Fence: claimed[0].Fence}, Lost: true}))

	line.Seen, line.Task = claimed[0].Task, claimed[0].Task
	claim.Owner, claim.Max = "other", 0
	must(t, w.Write(ctx, line, claim))
	list, err := w.Works(ctx, put.Number)
	must(t, err)
	same(t, "unknown and finished", []int64{1, 1}, []int64{int64(list[0].Unknown), list[0].Finished})
}
