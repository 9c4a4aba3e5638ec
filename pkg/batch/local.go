package batch

import (
	"context"
	"iter"

	"github.com/narada-cli/narada/pkg/await"
)

// local are the lines of a batch that no other process works on: its windows, its pace and
// its limits are those of this process.
type local struct {
	*run
	windows *windows
	pull    func() (Line, error, bool)
	reached int // lines that pull has returned
}

// send waits for running tasks and sends new lines. It returns when all have ended, or, after
// a stop, those in flight.
func (r *run) send(ctx context.Context) {
	var held, doubtful []string
	for _, one := range r.resumed {
		if one.doubtful { // it may never be answered, and holds no window
			doubtful, one.Window = append(doubtful, one.Window), ""
			continue
		}
		held = append(held, one.Window)
	}
	l := &local{run: r, windows: newWindows(r.o.Windows, held, doubtful, func() { r.stop(ErrWindows) })}
	var end func()
	l.pull, end = iter.Pull2(r.checked())
	defer end()
	r.do(ctx, l)
	for _, a := range r.actions[l.reached:] {
		if a == actionReport { // it may be running
			r.addUnfinished(1)
		}
	}
}

// next implements lines. The tasks of earlier runs are first, since new ones may need their
// windows; they are waited for after a stop, too. An unknown one takes no slot, as it may
// never be answered.
func (l *local) next(ctx context.Context) (*inFlight, error) {
	for len(l.resumed) > 0 {
		one := l.resumed[0]
		l.resumed = l.resumed[1:]
		if one.slot = !one.doubtful && l.slots.Acquire(ctx, 1) == nil; one.slot || one.doubtful {
			l.addInFlight(one, 1)
			return one, nil
		}
		l.addUnfinished(1)
	}
	for ctx.Err() == nil {
		line, err, ok := l.pull()
		if !ok || err != nil {
			return nil, err
		}
		l.reached = line.Index + 1
		switch l.actions[line.Index] {
		case actionReport:
			l.completed(&Outcome{Line: line, State: State{Phase: Unknown}}, false)
		case actionSend:
			if one, err := l.start(line); one != nil || err != nil {
				return one, err
			}
		}
	}
	return nil, nil
}

// start acquires what a task needs to be sent, and waits for the pace. It returns nil if the
// sending is stopped first.
func (l *local) start(line Line) (*inFlight, error) {
	one := &inFlight{Outcome: Outcome{Line: line}, sent: true}
	ready, err := l.prepare(one)
	if ready {
		l.addInFlight(one, 1)
		return one, nil
	}
	l.windows.release(one.Window, true)
	l.free(one.slot, one.call)
	return nil, err
}

func (l *local) prepare(one *inFlight) (ready bool, err error) {
	if one.slot = l.slots.Acquire(l.sending, 1) == nil; !one.slot {
		return false, nil
	}
	if one.Window, ready = l.windows.take(l.sending); !ready {
		return false, nil
	}
	if one.call = l.calls.Acquire(l.sending, 1) == nil; !one.call {
		return false, nil
	}
	plan, err := l.plan(one.Line)
	if err != nil {
		return false, l.source.error(one.Line, err)
	}
	one.job = &await.Job{Request: plan.Request, Prompt: plan.Prompt, Item: one.Line.Item(l.number)}
	return l.pace.wait(l.sending) == nil, nil
}

// done implements lines.
func (l *local) done(_ context.Context, one *inFlight) {
	l.windows.release(one.Window, one.Phase.ended() || one.Phase == New)
	if one.sent && one.Phase != New {
		l.tallied(func(t *Tally) { t.Sent++ })
	}
	l.completed(&one.Outcome, one.sent)
	l.addInFlight(one, -1)
}

func (l *local) addInFlight(one *inFlight, n int) {
	l.tallied(func(t *Tally) {
		if one.doubtful {
			t.Unknown += n
		} else {
			t.InFlight += n
		}
	})
}
