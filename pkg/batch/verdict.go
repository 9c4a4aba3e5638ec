package batch

import (
	"context"
	"errors"
)

// Reasons to stop the sending.
var (
	ErrFailures    = errors.New("too many tasks failed")
	ErrCredits     = errors.New("the tasks used too many credits")
	ErrWindows     = errors.New("every browser window of the pool has a task that may still be running")
	ErrInterrupted = errors.New("interrupted")
)

// Ending is how a run ended.
type Ending int

// The endings.
const (
	AllSucceeded Ending = iota + 1 // every line has a valid answer
	SomeFailed                     // every line ended, not all with success
	Unfinished                     // some lines did not end
	Limited                        // a limit ended the sending: ErrFailures, ErrCredits or ErrWindows
	Interrupted                    // ErrInterrupted, or the cause of the context's end
	Broken                         // an error of all lines, or of this process
)

// Verdict is how a run ended, with the state of the batch.
type Verdict struct {
	Ending Ending
	Err    error // if Limited, Interrupted or Broken
	Tally  Tally
}

// verdict returns the verdict on a run that ended with err, nil if it was not stopped. A
// stop after all lines ended does not count.
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

// ending returns the ending of a run that was not stopped.
func (t Tally) ending() Ending {
	switch {
	case t.Ended < t.Total:
		return Unfinished
	case t.Failed() > 0:
		return SomeFailed
	}
	return AllSucceeded
}
