package batch

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// A run whose lines are in the store puts them there, does their tasks like any other worker,
// and collects the outcomes, whoever has found them.

// sharing is a run whose lines are in the store.
type sharing struct {
	*run
	kept      kept
	worker    *claims       // it does no task with Options.NoWork
	after     int64         // number of the last finished line that was collected
	wake      chan struct{} // has a token when the worker has an outcome
	collected atomic.Bool   // no more lines are put into the store

	taking  sync.Mutex
	pending map[Key]int  // indexes of lines without an outcome
	left    map[Key]bool // of them, those whose tasks may be running, as the worker left them
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
func (b *Batch) share(ctx context.Context) (*sharing, error) {
	k, err := b.o.kept()
	if err != nil {
		return nil, err
	}
	list, err := b.run.store.Works(ctx, b.run.number)
	if err != nil {
		return nil, err
	}
	s := &sharing{run: b.run, kept: k, wake: make(chan struct{}, 1), pending: map[Key]int{}, left: map[Key]bool{}}
	if len(list) > 0 {
		s.after = list[0].Finished
	}
	return s, nil
}

// begin makes the batch one that is worked on, and this run one of its workers.
func (s *sharing) begin(ctx context.Context, w Backend) error {
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
	t := tools{
		store: s.store, writes: s.store, engine: s.engine, slots: s.slots, calls: s.calls,
		cloud: w.Cloud, machine: s.o.Machine, source: s.o.Source, hide: s.o.Hide, check: s.o.Check, outage: s.outage, masker: s.o.Masker,
	}
	if s.stored != nil {
		t.writes = s.stored
	}
	worker := newClaims(s.sending, list[0], s.kept, t)
	worker.ended, worker.more = s.own, func() bool { return !s.collected.Load() }
	s.tallied(func(*Tally) { s.worker, s.flight = worker, worker.flight })
	return rememberOwner(w.Dir, s.o.Name, worker.owner)
}

// do puts the lines into the store, and returns when all have finished, or, after a stop,
// those in flight here.
func (s *sharing) do(ctx context.Context, w Backend) {
	if err := s.begin(ctx, w); err != nil {
		s.stop(err)
		return
	}
	for index, place := range s.places {
		if s.actions[index] != actionKeep {
			s.pending[place.key] = index
		}
	}
	err := s.reportUnknown(ctx)
	var working sync.WaitGroup
	if err == nil && !s.o.NoWork {
		working.Go(func() {
			if err := s.worker.run(ctx); err != nil {
				s.stop(err)
			}
		})
	}
	if err == nil {
		err = s.queueAll(ctx, func(action) bool { return true })
	}
	err = cmp.Or(err, s.filled(ctx))
	if err == nil {
		err = s.collect(ctx)
	}
	s.collected.Store(true)
	poke(s.worker.wake)
	if err != nil {
		s.stop(err)
	}
	working.Wait()
	for n := chunk; n == chunk && s.waiting() > 0; {
		last, cancel := s.outage.atEnd(ctx, reportLimit)
		if n, err = s.drain(last); err != nil {
			s.stop(err)
		}
		cancel()
	}
	s.countUnfinished()
}

// countUnfinished counts the lines without an outcome whose tasks are or may be running.
func (s *sharing) countUnfinished() {
	held, _ := s.flight()
	for key, index := range s.pending {
		switch sent := s.actions[index] == actionSend; {
		case !sent:
			s.addUnfinished(1)
		case s.left[key]:
			s.tallied(func(t *Tally) { t.Sent++; t.Unfinished++ })
		case held > 0:
			s.addUnfinished(1)
			held--
		}
	}
}

// collect collects outcomes until all lines have one, a limit or a stop ends the sending, or
// the store no longer has the batch.
func (s *sharing) collect(ctx context.Context) error {
	var looked time.Time
	for {
		var n int
		err := s.outage.until(s.sending, func() (err error) {
			n, err = s.drain(ctx)
			return err
		})
		switch {
		case s.waiting() == 0:
			return nil
		case s.sending.Err() != nil:
			return context.Cause(s.sending)
		case err != nil:
			return err
		case n == chunk:
			continue
		}
		if n > 0 || time.Since(looked) >= watchRate {
			looked = time.Now()
			if ended, err := s.over(ctx); ended || err != nil {
				return err
			}
		}
		rest(s.sending, workPause, s.wake)
	}
}

// waiting returns how many lines have no outcome.
func (s *sharing) waiting() int {
	s.taking.Lock()
	defer s.taking.Unlock()
	return len(s.pending)
}

// over reports whether no further outcome is to be waited for.
func (s *sharing) over(ctx context.Context) (bool, error) {
	look := s.worker.work
	if s.o.NoWork {
		look = s.worker.watch
	}
	var w store.Work
	var ok bool
	err := s.outage.until(s.sending, func() (err error) {
		if w, ok, err = look(ctx); err == nil && w.Unknown > 0 && s.o.NoWork {
			err = s.worker.settle(ctx)
		}
		return err
	})
	switch {
	case err != nil:
		return true, err
	case !ok:
		return true, ErrNoBatch
	}
	if limit := stopped(s.kept.limits(), w); limit != nil && w.InFlight == 0 && !w.Adoptable {
		return true, limit
	}
	return !w.Open() && w.Finished <= s.after, nil
}

// drain collects the outcomes that are known by now, and returns how many lines it looked at.
func (s *sharing) drain(ctx context.Context) (n int, err error) {
	all, last, err := s.store.FinishedLines(ctx, s.number, s.after, chunk)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	var keys [][]byte // without those that the worker has finished
	s.taking.Lock()
	for _, key := range all {
		if _, ok := s.pending[Key(key)]; ok {
			keys = append(keys, key)
		}
	}
	s.taking.Unlock()
	if err := s.takeAll(ctx, keys); err != nil {
		return 0, err
	}
	s.after = last
	return len(all), nil
}

// takeAll takes the outcomes of lines from the store.
func (s *sharing) takeAll(ctx context.Context, keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	items, err := s.store.Items(ctx, s.number, keys)
	again := map[Key]int64{}
	for _, i := range items {
		o := keptOutcome(i)
		o.Key = Key(i.Key)
		if s.o.ResendUnknown && o.Phase == Unknown && o.Task == s.seen[o.Key].task {
			again[o.Key] = o.Task
			continue
		}
		if err == nil && o.Phase == Finished {
			err = o.readResult(ctx, s.store)
		}
		if err != nil {
			return err
		}
		s.take(&o)
	}
	if err == nil && len(again) > 0 {
		err = s.sendAgain(ctx, again)
	}
	return err
}

// own takes an outcome of the worker, unless it is left to others.
func (s *sharing) own(one *inFlight, here bool) {
	defer poke(s.wake)
	switch {
	case one.Phase == New:
	case here:
		o := one.Outcome
		s.take(&o)
	default:
		s.taking.Lock()
		s.left[one.Key] = true
		s.taking.Unlock()
	}
}

// take counts the outcome of a line and queues it for the output, once.
func (s *sharing) take(o *Outcome) {
	s.taking.Lock()
	index, ok := s.pending[o.Key]
	delete(s.pending, o.Key)
	s.taking.Unlock()
	if !ok {
		return
	}
	o.Index, o.Number = index, s.places[index].number
	sent := s.actions[index] == actionSend
	if sent {
		s.tallied(func(t *Tally) { t.Sent++ })
	}
	s.completed(o, sent)
}
