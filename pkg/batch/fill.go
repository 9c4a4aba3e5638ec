package batch

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/narada-cli/narada/pkg/store"
)

// queueAll puts the lines that have not ended, of the selected ones, into the store. Those
// that may have been accepted, and are to be sent again, wait there until nobody sends them
// any more.
func (s *sharing) queueAll(ctx context.Context, selected func(action) bool) error {
	var ops []store.Op
	for l, err := range s.checked() {
		if s.sending.Err() != nil {
			return context.Cause(s.sending)
		}
		if err != nil {
			return err
		}
		if a := s.actions[l.Index]; a != actionKeep && selected(a) {
			op, err := s.queueLine(l, s.number)
			if err != nil {
				return err
			}
			was := s.seen[l.Key]
			if op.Seen = was.task; a != actionSend || was.unknown {
				op.Task, op.Unawaited = was.task, a != actionResume
			}
			ops = append(ops, op)
		}
		if len(ops) == chunk {
			if err := s.write(ctx, ops...); err != nil {
				return err
			}
			ops = nil
		}
	}
	return s.write(ctx, ops...)
}

// write writes ops once the store can be used, unless the sending is stopped.
func (s *sharing) write(ctx context.Context, ops ...store.Op) error {
	return s.outage.until(s.sending, func() error { return s.store.Write(ctx, ops...) })
}

// filled says that no more lines are to come, also after a failure.
func (s *sharing) filled(ctx context.Context) error {
	options, err := json.Marshal(s.kept)
	if err != nil {
		return err
	}
	return s.write(context.WithoutCancel(ctx), &store.ChangeWork{Batch: s.number, Options: string(options)})
}

// reportUnknown reports that lines of workers that have gone are waited for. It does not
// count those that a worker is sending.
func (s *sharing) reportUnknown(ctx context.Context) error {
	unknown := s.unknown()
	if unknown.Lines == 0 {
		return nil
	}
	err := s.queueAll(ctx, func(a action) bool { return a == actionResume })
	var w store.Work
	watching := s.outage.until(s.sending, func() (err error) {
		w, _, err = s.worker.work(ctx)
		return err
	})
	if unknown.Lines = min(unknown.Lines, w.Unknown); unknown.Lines > 0 {
		s.o.Report(unknown)
	}
	return cmp.Or(err, watching)
}

// sendAgain queues lines whose tasks are unknown to be sent again.
func (s *sharing) sendAgain(ctx context.Context, tasks map[Key]int64) error {
	var ops []store.Op
	for l, err := range s.checked() {
		if err != nil {
			return err
		}
		task, ok := tasks[l.Key]
		if !ok {
			continue
		}
		op, err := s.queueLine(l, s.number)
		if err != nil {
			return err
		}
		op.Seen = task
		ops = append(ops, op)
	}
	return s.write(ctx, ops...)
}
