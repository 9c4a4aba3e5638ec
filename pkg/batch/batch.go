// Package batch runs the tasks of an input: many at once, at a pace, each once,
// however often it is stopped and begun again.
//
// An Input is read twice: all of it is checked before anything is sent. A Run
// looks up in a Book how each line stands, has a Sender send those that are new
// and wait for those that run, and hands each Outcome on as it comes.
//
// The package is private to narada. It knows neither where callbacks come in nor
// where the book is kept.
package batch

import (
	"context"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// Book knows how lines stand.
type Book interface {
	// Look returns the states of those of the lines that are in the book.
	Look(ctx context.Context, keys []Key) (map[Key]State, error)
	// Result returns the result of a finished task.
	Result(ctx context.Context, number int64) (*narada.Result, error)
}

// Sender sends tasks and waits for them. Its methods are called by many goroutines
// at once.
type Sender interface {
	// Send writes the line's task into the book, sends it, in that window of the pool
	// if any, and waits for it. It calls sent when its dispatch call has ended.
	Send(ctx context.Context, l *Line, p *task.Plan, window string, sent func()) *Outcome
	// CanAwait reports whether there is any use in waiting for an unknown task.
	CanAwait(s State) bool
	// Await waits for a task that was sent before.
	Await(ctx context.Context, l *Line, s *State) *Outcome
}

// Options say how a batch is run.
type Options struct {
	Total       int // lines of the input
	Concurrency int // most tasks in flight
	Windows     []string
	Pace        *Pace

	RetryFailed   bool    // send those again that have failed
	ResendUnknown bool    // send those again of which nobody knows whether they were accepted
	MaxFailures   int     // of this run, at which no more are sent; 0: no limit
	MaxCredits    float64 // of the whole batch, above which no more are sent; 0: no limit

	Book   Book
	Sender Sender
	Plan   func(Line) (*task.Plan, error)
	Check  func(Outcome) []string // how a success's data differ from what was asked for; nil: nothing was

	Emit    func(Outcome) error // called by one goroutine at a time
	Ordered bool                // in the order of the input, and not as they come
}
