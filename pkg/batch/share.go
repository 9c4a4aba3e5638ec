package batch

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/store"
)

// A run whose lines are in the store puts them there, does their tasks like any other worker,
// and collects the outcomes, whoever has found them.

// sharing is a run whose lines are in the store.
type sharing struct {
	*run
	kept    kept
	backend Backend
	worker  *worker // nil: it does no task
	after   int64   // number of the last finished line that was collected
	pending map[Key]int
	resent  map[Key]bool // lines that were found unknown and are sent again
}

// isShared reports whether the lines are in the store: as Options say, or because an earlier
// run has put them there and workers may have them.
func (b *Batch) isShared(ctx context.Context, w Backend, r record) (bool, error) {
	if b.o.Share || !r.earlier || w.Temporary {
		return b.o.Share, nil
	}
	list, err := w.Store.Works(ctx, r.was.Number)
	return len(list) > 0 && list[0].Open(), err
}

// open opens the engine. Without one the files are uploaded all the same.
func (b *Batch) open(ctx context.Context, w Backend) (err error) {
	if b.run.shared && b.o.NoWork {
		return w.Upload(ctx)
	}
	b.run.engine, err = w.Open(ctx, b.run.adjust)
	return err
}

// share prepares a run whose lines are in the store.
func (b *Batch) share(ctx context.Context, w Backend) (*sharing, error) {
	k, err := b.o.kept()
	if err != nil {
		return nil, err
	}
	list, err := b.run.store.Works(ctx, b.run.number)
	if err != nil {
		return nil, err
	}
	s := &sharing{run: b.run, kept: k, backend: w, pending: map[Key]int{}, resent: map[Key]bool{}}
	b.run.seen = map[Key]int64{}
	if len(list) > 0 {
		s.after = list[0].Finished
	}
	return s, nil
}

// begin makes the batch one that is worked on, and this run one of its workers.
func (s *sharing) begin(ctx context.Context) error {
	filling := s.kept
	filling.Filling = true
	options, err := json.Marshal(filling)
	if err != nil {
		return err
	}
	if err := s.store.Write(ctx, &store.OpenWork{Batch: s.number, Options: string(options), Credits: s.progress().Credits}); err != nil {
		return err
	}
	list, err := s.store.Works(ctx, s.number)
	if err != nil || len(list) == 0 {
		return cmp.Or(err, ErrNoBatch)
	}
	if s.o.NoWork {
		return nil
	}
	s.worker = newWorker(s.sending, list[0], s.kept)
	s.worker.sender, s.worker.store, s.worker.writes = s.sender, s.run.store, s.run.store
	if s.stored != nil {
		s.worker.writes = s.stored
	}
	s.worker.cloud, s.worker.machine, s.worker.source, s.worker.hide, s.worker.check = s.backend.Cloud, s.o.Machine, s.o.Source, s.o.Hide, s.o.Check
	s.worker.slots, s.worker.calls = s.slots, s.calls
	return nil
}

// do puts the lines into the store, and returns when all have finished, or, after a stop,
// those in flight here. The error is the reason of the stop or the cause of ctx's end.
func (s *sharing) do(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	for index, place := range s.places {
		if s.actions[index] != actionKeep {
			s.pending[place.key] = index
		}
	}
	queued := make(chan struct{})
	var working sync.WaitGroup
	var failed error
	if s.worker != nil {
		s.worker.idle = func() bool {
			select {
			case <-queued:
				return true
			default:
				return false
			}
		}
		working.Go(func() {
			failed = s.worker.run(ctx)
		})
	}
	err := s.queueAll(ctx)
	err = cmp.Or(err, s.filled(ctx))
	close(queued)
	if err != nil {
		s.stop(err)
	}
	if err == nil {
		err = s.collect(ctx)
	}
	if err != nil {
		s.stop(err)
	}
	working.Wait()
	if _, drained := s.drain(context.WithoutCancel(ctx)); drained != nil {
		err = cmp.Or(err, drained)
	}
	s.emitting.Lock()
	defer s.emitting.Unlock()
	return cmp.Or(s.queue.flush(), context.Cause(s.sending), err, failed)
}

// queueAll puts the lines that have not ended into the store.
func (s *sharing) queueAll(ctx context.Context) error {
	var ops []store.Op
	for l, err := range s.checked() {
		if s.sending.Err() != nil {
			return context.Cause(s.sending)
		}
		if err != nil {
			return err
		}
		if a := s.actions[l.Index]; a != actionKeep {
			op, err := s.queued(l, s.number)
			if err != nil {
				return err
			}
			op.Seen = s.seen[l.Key]
			if a != actionSend {
				op.Task = op.Seen
			}
			ops = append(ops, op)
		}
		if len(ops) == chunk {
			if err := s.store.Write(ctx, ops...); err != nil {
				return err
			}
			ops = nil
		}
	}
	return s.store.Write(ctx, ops...)
}

// filled says that no more lines are to come, also after a failure.
func (s *sharing) filled(ctx context.Context) error {
	options, err := json.Marshal(s.kept)
	if err != nil {
		return err
	}
	return s.store.Write(context.WithoutCancel(ctx), &store.ChangeWork{Batch: s.number, Options: string(options)})
}

// collect collects outcomes until all lines have one, a limit or a stop ends the sending, or
// the store no longer has the batch.
func (s *sharing) collect(ctx context.Context) error {
	for {
		n, err := s.drain(ctx)
		switch {
		case len(s.pending) == 0:
			return nil
		case s.sending.Err() != nil:
			return context.Cause(s.sending)
		case err != nil: // the store is not there
			await.Sleep(s.sending, storePause)
			continue
		case n == chunk:
			continue
		}
		if ended, err := s.ended(ctx); ended || err != nil {
			return err
		}
		await.Sleep(s.sending, workPause)
	}
}

// ended reports whether no further outcome is to be waited for.
func (s *sharing) ended(ctx context.Context) (bool, error) {
	list, err := s.store.Works(ctx, s.number)
	switch {
	case err != nil:
		return false, nil // it is tried again
	case len(list) == 0:
		return true, ErrNoBatch
	}
	w := list[0]
	s.tallied(func(t *Tally) { t.InFlight = w.InFlight })
	k := s.kept
	if w.Unknown > 0 && s.worker == nil {
		_ = s.store.Write(ctx, &store.Claim{Batch: s.number, Limits: k.limits(), At: time.Now()}) // those whose time is over
	}
	if limit := k.stopped(w); limit != nil && w.InFlight == 0 && !w.Adoptable {
		return true, limit
	}
	return !w.Open() && w.Finished <= s.after, nil
}

// drain collects the outcomes that are known by now, and returns how many lines it looked at.
func (s *sharing) drain(ctx context.Context) (n int, err error) {
	keys, last, err := s.store.FinishedLines(ctx, s.number, s.after, chunk)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	items, err := s.store.Items(ctx, s.number, keys)
	if err != nil {
		return 0, err
	}
	byKey := map[Key]store.ItemTask{}
	for _, i := range items {
		byKey[Key(i.Key)] = i
	}
	for _, key := range keys {
		if err := s.take(ctx, Key(key), byKey[Key(key)]); err != nil {
			return 0, err
		}
	}
	s.after = last
	return len(keys), nil
}

// take counts the outcome of a line and queues it for the output.
func (s *sharing) take(ctx context.Context, key Key, i store.ItemTask) error {
	index, ok := s.pending[key]
	if !ok {
		return nil
	}
	o := keptOutcome(i)
	o.Key, o.Index, o.Number = key, index, s.places[index].number
	if o.Phase == Unknown && s.o.ResendUnknown && !s.resent[key] && s.actions[index] != actionSend {
		s.resent[key] = true
		return s.sendAgain(ctx, index, o.Task)
	}
	if o.Phase == Finished {
		if err := o.readResult(ctx, s.store); err != nil {
			return err
		}
	}
	delete(s.pending, key)
	if s.actions[index] == actionSend {
		s.tallied(func(t *Tally) { t.Sent++ })
	}
	out := &o
	if !o.Phase.ended() && o.Phase != Unknown {
		s.addUnfinished()
		out = nil
	} else {
		s.tallied(func(t *Tally) { t.add(o, false) })
	}
	return s.put(index, out)
}

// sendAgain queues the line with that index, whose task is unknown, to be sent again.
func (s *sharing) sendAgain(ctx context.Context, index int, seen int64) error {
	for l, err := range s.checked() {
		if err != nil {
			return err
		}
		if l.Index != index {
			continue
		}
		op, err := s.queued(l, s.number)
		if err != nil {
			return err
		}
		op.Seen = seen
		return s.store.Write(ctx, op)
	}
	return nil
}
