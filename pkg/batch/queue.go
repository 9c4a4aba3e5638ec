package batch

import (
	"maps"
	"slices"
)

// queue emits outcomes, in the order of the input if that is asked for. Those that
// wait for their turn are kept without their results.
type queue struct {
	ordered bool
	emit    func(Outcome) error
	result  func(*Outcome) error // fetches it

	next    int
	waiting map[int]*Outcome // by index; nil: there will be none
}

// put takes an outcome.
func (q *queue) put(o Outcome) error {
	if !q.ordered {
		return q.emit(o)
	}
	if o.Index != q.next {
		o.Object, o.Prompt = nil, ""
		if o.Task != 0 {
			o.Result = nil
		}
		q.wait(o.Index, &o)
		return nil
	}
	q.next++
	if err := q.emit(o); err != nil {
		return err
	}
	return q.advance()
}

// skip says that there will be none with that index.
func (q *queue) skip(index int) error {
	if !q.ordered {
		return nil
	}
	q.wait(index, nil)
	return q.advance()
}

func (q *queue) wait(index int, o *Outcome) {
	if q.waiting == nil {
		q.waiting = map[int]*Outcome{}
	}
	q.waiting[index] = o
}

// advance emits those whose turn it is.
func (q *queue) advance() error {
	for {
		o, ok := q.waiting[q.next]
		if !ok {
			return nil
		}
		delete(q.waiting, q.next)
		q.next++
		if err := q.emitWaiting(o); err != nil {
			return err
		}
	}
}

func (q *queue) emitWaiting(o *Outcome) error {
	if o == nil {
		return nil
	}
	if o.Result == nil && o.Phase == Finished {
		if err := q.result(o); err != nil {
			return err
		}
	}
	return q.emit(*o)
}

// flush emits what waits, whatever is missing before it.
func (q *queue) flush() error {
	for _, index := range slices.Sorted(maps.Keys(q.waiting)) {
		if err := q.emitWaiting(q.waiting[index]); err != nil {
			return err
		}
	}
	q.waiting = nil
	return nil
}
