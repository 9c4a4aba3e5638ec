package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// How writes are tried again at the end of a run.
const (
	storeAttempts = 3
	storePause    = time.Second
	maxUnstored   = 64 << 20 // bytes of answers that are kept in memory for that
)

// retriedStore is the store of an engine. What it could not write about tasks that were sent
// is tried again after the next write that works, and at the end of the run: without its
// answer in the store, a line is unknown in the next run.
type retriedStore struct {
	await.Store
	outage  *outage
	sending context.Context // what is about to be sent waits for the store until it ends

	mu       sync.Mutex
	unstored [][]store.Op // writes, in their order
	size     int          // bytes of the answers among them
	waiting  bool         // one of them failed as the store cannot be used for now
	missed   error        // of the last write before the end of a claim
	missedAt time.Time
}

// newRetriedStore makes the store of an engine a retriedStore. The engine does not report what
// that tries again.
func newRetriedStore(sending context.Context, outage *outage, o *await.Options) *retriedStore {
	s := &retriedStore{Store: o.Store, outage: outage, sending: sending}
	report := o.Report
	o.Store, o.Report = s, func(e await.Event) {
		if failed, ok := e.(await.StoreFailed); ok {
			if _, ok := errors.AsType[laterError](failed.Err); ok {
				return
			}
		}
		report(e)
	}
	return s
}

// laterError is the error of a write that is tried again.
type laterError struct{ error }

func (e laterError) Unwrap() error { return e.error }

// Final implements await.Store, once the store can be used.
func (s *retriedStore) Final(ctx context.Context, t store.Task) (r *narada.Result, err error) {
	err = s.outage.until(s.sending, func() (err error) {
		r, err = s.Store.Final(ctx, t)
		return err
	})
	return r, err
}

// Last implements await.Store, once the store can be used: the engine follows callbacks from
// there.
func (s *retriedStore) Last(ctx context.Context) (seq int64, err error) {
	err = s.outage.until(s.sending, func() (err error) {
		seq, err = s.Store.Last(ctx)
		return err
	})
	return seq, err
}

// Write implements store.Writer. What is about to be sent waits until the store can be used,
// or the sending ends.
func (s *retriedStore) Write(ctx context.Context, ops ...store.Op) error {
	if endsClaim(ops) {
		return s.writeEnd(ctx, ops)
	}
	write := func() error { return s.Store.Write(ctx, ops...) }
	var err error
	if isToBeSent(ops) {
		err = s.outage.until(s.sending, write)
	} else {
		err = write()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		_ = s.again(ctx) // what fails stays
		return nil
	}
	if isFinal(err) {
		return err
	}
	if size := s.size + sizeOf(ops); slices.ContainsFunc(ops, ofTask) && size <= maxUnstored {
		s.unstored, s.size = append(s.unstored, ops), size
		if store.Temporary(err) {
			if !s.waiting {
				s.waiting = true
				s.outage.begin(err)
			}
			return laterError{err}
		}
	}
	return err
}

// writeEnd writes the end of a claim, after what could not be written about its task. It is
// not tried again. A store that does not answer is tried once for all that wait for it.
func (s *retriedStore) writeEnd(ctx context.Context, ops []store.Op) error {
	s.mu.Lock()
	err := s.missed
	if !store.Temporary(err) || time.Since(s.missedAt) >= storePause {
		err = s.again(ctx)
		s.missed, s.missedAt = err, time.Now()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, ops...)
}

// endsClaim reports whether one of the ops ends the claim of a line.
func endsClaim(ops []store.Op) bool {
	return slices.ContainsFunc(ops, func(op store.Op) bool {
		switch op.(type) {
		case *store.FinishLine, *store.ReleaseLine:
			return true
		}
		return false
	})
}

// isToBeSent reports whether one of the ops is about a task that is about to be sent.
func isToBeSent(ops []store.Op) bool {
	return slices.ContainsFunc(ops, func(op store.Op) bool {
		switch op.(type) {
		case *store.Intend, *store.Retry:
			return true
		}
		return false
	})
}

// again writes what could not be written.
func (s *retriedStore) again(ctx context.Context) error {
	for len(s.unstored) > 0 {
		ops := s.unstored[0]
		if err := s.Store.Write(context.WithoutCancel(ctx), ops...); err != nil && !isFinal(err) {
			return err
		}
		s.unstored, s.size = s.unstored[1:], s.size-sizeOf(ops)
	}
	if s.waiting {
		s.waiting = false
		s.outage.end(1, nil)
	}
	return nil
}

// isFinal reports whether a write failed for a reason that another attempt does not change.
// It must not hold back the other writes.
func isFinal(err error) bool {
	_, reused := errors.AsType[*store.ReusedIDError](err)
	return reused || errors.Is(err, store.ErrClaimLost)
}

// finish writes what could not be written, with a few attempts. With an error, answers are
// not stored.
func (s *retriedStore) finish(ctx context.Context) (answers int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range storeAttempts {
		if err = s.again(ctx); err == nil || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(storePause):
		case <-ctx.Done():
		}
	}
	if err == nil {
		return 0, nil
	}
	ids := map[string]bool{}
	for _, op := range slices.Concat(s.unstored...) {
		if r, _ := answerOf(op); r != nil && r.Final() {
			ids[r.RequestID] = true
		}
	}
	return len(ids), err
}

// answerOf returns the answer that an op stores, nil if it has none. ofTask is false for an op
// that is not about a task that was sent.
func answerOf(op store.Op) (r *narada.Result, ofTask bool) {
	switch op := op.(type) {
	case *store.Deliver:
		return op.Delivery.Result, true
	case *store.Poll:
		return op.Result, true
	case *store.Accept, *store.AcceptTwice, *store.Refuse:
		return nil, true
	}
	return nil, false
}

func ofTask(op store.Op) bool {
	_, ok := answerOf(op)
	return ok
}

// sizeOf is the size of the answers in a write.
func sizeOf(ops []store.Op) (size int) {
	for _, op := range ops {
		if r, _ := answerOf(op); r != nil {
			size += len(r.Raw())
		}
	}
	return size
}
