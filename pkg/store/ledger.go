package store

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Ledger has the methods of an engine. Several processes have the same ledger open at the
// same time, each with a Ledger that many goroutines use. What one has written the others
// read at once.
type Ledger interface {
	Writer
	Intend(ctx context.Context, intents []Intent) ([]int64, error)
	Deliver(context.Context, webhook.Delivery) error
	Store(context.Context, webhook.Delivery, Forwarding) (isNew bool, err error)
	PutBatch(context.Context, Batch) (number int64, err error)
	SetMismatch(ctx context.Context, batch int64, key []byte, mismatch string) error
	PlaceItems(ctx context.Context, batch int64, items []Item) (known, changed, gone int, err error)

	// Share marks the path of a ticket as shared by several tasks, for this Store only.
	Share(webhook.Ticket)
	webhook.TicketStore // of all tasks, finished ones too

	// Refuse notes a callback that was not accepted, and stores it later.
	Refuse(path string, r Refusal)

	Last(context.Context) (seq int64, err error)
	Follow(ctx context.Context, after int64) iter.Seq2[Entry, error]
	FollowOthers(ctx context.Context, after int64, wanted func() Wanted) iter.Seq2[Entry, error]

	Tasks(ctx context.Context, q Query, yield func(Task) error) error
	Task(ctx context.Context, requestID string) (t Task, ok bool, err error)
	Numbered(ctx context.Context, number int64) (t Task, ok bool, err error)
	Newest(context.Context) (t Task, ok bool, err error)

	Request(context.Context, Task) (json.RawMessage, error)
	Final(context.Context, Task) (*narada.Result, error)
	Deliveries(context.Context, Task) ([]Delivery, error)
	Refusals(context.Context, Task) ([]Refusal, error)
	RecentRefusals(ctx context.Context, limit int) ([]Refusal, error)
	Events(context.Context, Task) ([]Event, error)
	Callback(ctx context.Context, seq int64) (d Delivery, ok bool, err error)

	Forwards(context.Context, Task) ([]Forward, error)
	WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]Forward, error)
	FailedForwards(ctx context.Context, after Forward, limit int) ([]Forward, error)
	ForwardContent(ctx context.Context, f Forward) (header http.Header, body []byte, ok bool, err error)
	ForwardListeners(ctx context.Context, target string) ([]string, error)
	CountForwards(ctx context.Context, state ForwardState, target, listener string) (int, error)

	Usage(ctx context.Context, since time.Time, by UsageBy) ([]Usage, error)
	Revision(context.Context) (string, error)
	Received(ctx context.Context, below int64, limit int) ([]Received, error)
	NewestRefusals(ctx context.Context, below int64, limit int) ([]Refusal, error)
	FinishTimes(ctx context.Context, batch int64) (first, last time.Time, err error)
	Pace(ctx context.Context, batch int64, span time.Duration) ([]Pace, error)

	Batch(ctx context.Context, name string) (b Batch, ok bool, err error)
	BatchList(context.Context) ([]Batch, error)
	Batches(ctx context.Context, yield func(Batch, Tally) error) error
	Tally(ctx context.Context, batch int64) (Tally, error)
	Items(ctx context.Context, batch int64, keys [][]byte) ([]ItemTask, error)
	EachItem(ctx context.Context, batch int64, yield func(ItemTask) error) error
	Lines(ctx context.Context, q LineQuery) ([]ItemTask, error)

	Sessions(ctx context.Context, open bool, limit int) ([]Session, error)

	Works(ctx context.Context, batch int64) ([]Work, error)
	Claimed(ctx context.Context, owner string, call int64) ([]Claimed, error)
	FinishedLines(ctx context.Context, batch, after int64, limit int) (keys [][]byte, last int64, err error)

	Prunable(ctx context.Context, limits Limits) (Prunable, error)
	Prune(ctx context.Context, limits Limits) (count int64, err error)

	// Retain deletes tasks, as long as the ledger is open, that finished longer ago than that,
	// as Prune does; 0: none. failed is called at most once, with an error that does not pass.
	// Retain is called once, if at all. Maintain does the next step of it if it is due: one
	// process does it for all. more says that another one is due soon.
	Retain(d time.Duration, failed func(error))
	Maintain(ctx context.Context, retention time.Duration) (more bool, err error)

	Check(context.Context) (damages []string, err error)
	Info(context.Context) (Info, error)
	Size() int64
	Close() error
}
