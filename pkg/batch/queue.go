package batch

import (
	"maps"
	"slices"
)

// queue emits outcomes, if ordered in input order. Waiting outcomes are kept without what
// the input and the store have.
type queue struct {
	ordered bool
	stored  func(*Outcome) bool // whether the store has its result
	emit    func(*Outcome) error

	next    int
	waiting map[int]*Outcome // by index; nil: no outcome
}

// put takes the outcome of the line with that index, nil if it has none.
func (q *queue) put(index int, o *Outcome) error {
	if !q.ordered {
		return q.emitOne(o)
	}
	if o != nil && index != q.next {
		o.Line = o.Line.short()
		if o.Result != nil && q.stored(o) {
			o.Result = nil
		}
	}
	q.waiting[index] = o
	for {
		o, ok := q.waiting[q.next]
		if !ok {
			return nil
		}
		delete(q.waiting, q.next)
		q.next++
		if err := q.emitOne(o); err != nil {
			return err
		}
	}
}

func (q *queue) emitOne(o *Outcome) error {
	if o == nil {
		return nil
	}
	return q.emit(o)
}

// flush emits the waiting outcomes, even if earlier ones are missing.
func (q *queue) flush() error {
	for _, index := range slices.Sorted(maps.Keys(q.waiting)) {
		if err := q.emitOne(q.waiting[index]); err != nil {
			return err
		}
	}
	clear(q.waiting)
	return nil
}
