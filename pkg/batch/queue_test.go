package batch

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

// Those that wait for their turn take little memory, unless the store does not have them.
func TestOutcomesAreEmittedInOrder(t *testing.T) {
	var emitted []string
	read := 0
	var failure error
	q := &queue{
		ordered: true, waiting: map[int]*Outcome{}, stored: func(o *Outcome) bool { return o.Index != 6 },
		emit: func(o *Outcome) error {
			if o.Result == nil {
				read++
			}
			emitted = append(emitted, fmt.Sprint(o.Index))
			return failure
		},
	}
	put := func(index int) {
		t.Helper()
		o := &Outcome{Line: Line{Index: index, Prompt: "long"}, State: State{Phase: Finished, Task: 1}, Result: &narada.Result{}}
		if err := q.put(index, o); err != nil {
			t.Error(err)
		}
	}
	put(1)
	put(5)
	put(6)
	for _, o := range q.waiting {
		if (o.Result == nil) == (o.Index == 6) || o.Prompt != "" {
			t.Errorf("%+v", o)
		}
	}
	put(0)
	if err := q.put(2, nil); err != nil {
		t.Error(err)
	}
	put(3)
	if err := q.flush(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "3", "5", "6"}, emitted); diff != "" || read != 2 {
		t.Errorf("%s; %d without a result", diff, read)
	}
	failure = errors.New("the store cannot be read")
	put(8)
	if err := q.flush(); err == nil {
		t.Error("no error")
	}
}
