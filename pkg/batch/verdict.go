package batch

import (
	"context"
	"errors"
)

// Reasons for which no more tasks are sent.
var (
	ErrFailures    = errors.New("too many tasks have failed")
	ErrCredits     = errors.New("the tasks have used too many credits")
	ErrWindows     = errors.New("every browser window of the pool has a task that may still run")
	ErrInterrupted = errors.New("interrupted")
)

// Ending is how a run has ended.
type Ending int

// The endings.
const (
	AllSucceeded Ending = iota + 1 // every line has the answer that was asked for
	SomeFailed                     // every line has ended, and some have not succeeded
	Unfinished                     // some lines have not ended
	Limited                        // a limit ended the sending: ErrFailures, ErrCredits or ErrWindows
	Interrupted                    // ErrInterrupted, or the cause of the context's end
	Broken                         // something is wrong with all lines, or went wrong here
)

// Verdict is how a run has ended, with the state of the batch at its end.
type Verdict struct {
	Ending Ending
	Err    error // of a run that is Limited, Interrupted or Broken
	Tally  Tally
}

// verdict judges a run that ended with err, nil for one that was not stopped. One that
// was stopped when nothing was left to stop has ended as any other.
func verdict(ctx context.Context, t Tally, err error) Verdict {
	stopped := Broken
	switch {
	case err == nil:
		return Verdict{t.ending(), nil, t}
	case errors.Is(err, ErrInterrupted), ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		stopped = Interrupted
	case errors.Is(err, ErrFailures), errors.Is(err, ErrCredits), errors.Is(err, ErrWindows):
		stopped = Limited
	}
	if ending := t.ending(); ending != Unfinished && stopped != Broken {
		return Verdict{ending, nil, t}
	}
	return Verdict{stopped, err, t}
}

// ending judges a run that nothing has stopped.
func (t Tally) ending() Ending {
	switch {
	case t.Ended < t.Total:
		return Unfinished
	case t.Failed() > 0:
		return SomeFailed
	}
	return AllSucceeded
}
