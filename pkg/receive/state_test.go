package receive

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTransitionsOfAListening(t *testing.T) {
	interrupt, fault, other := errors.New("interrupted"), errors.New("fault"), errors.New("another fault")
	tests := []struct {
		name string
		from state
		in   input
		err  error
		want state
		ok   bool
	}{
		{"one is taken", state{}, offered, nil, state{taken: 1}, true},
		{"the last is taken", state{count: 2, taken: 1}, offered, nil, state{count: 2, taken: 2}, true},
		{"there is no room", state{count: 2, taken: 2}, offered, nil, state{count: 2, taken: 2}, false},
		{"a repeat makes room", state{count: 2, taken: 2}, dropped, nil, state{count: 2, taken: 1}, true},
		{"one is done", state{count: 2, taken: 2}, done, nil, state{count: 2, taken: 2, done: 1}, true},
		{"the last is done", state{count: 2, taken: 2, done: 1}, done, nil, state{phase: draining, count: 2, taken: 2, done: 2, reason: ErrCounted}, true},
		{"without a count none is the last", state{taken: 1}, done, nil, state{taken: 1, done: 1}, true},
		{"it is interrupted", state{taken: 1}, ended, interrupt, state{phase: draining, taken: 1, reason: interrupt}, true},
		{"it fails", state{taken: 1}, failed, fault, state{phase: draining, taken: 1, reason: fault, failure: fault}, true},
		{"it has not drained", state{}, drained, nil, state{}, false},

		{"one was in flight", state{phase: draining, reason: interrupt}, offered, nil, state{phase: draining, taken: 1, reason: interrupt}, true},
		{"one was in flight, and there is no room", state{phase: draining, count: 1, taken: 1}, offered, nil, state{phase: draining, count: 1, taken: 1}, false},
		{"one in flight is a repeat", state{phase: draining, taken: 1}, dropped, nil, state{phase: draining}, true},
		{"one is done after the end", state{phase: draining, count: 1, taken: 1, reason: interrupt}, done, nil, state{phase: draining, count: 1, taken: 1, done: 1, reason: interrupt}, true},
		{"an interrupt ends the wait for counted callbacks", state{phase: draining, count: 1, done: 1, reason: ErrCounted}, ended, interrupt, state{phase: draining, count: 1, done: 1, reason: interrupt}, true},
		{"the first reason counts", state{phase: draining, reason: interrupt}, ended, other, state{phase: draining, reason: interrupt}, false},
		{"it fails after the end", state{phase: draining, reason: interrupt}, failed, fault, state{phase: draining, reason: interrupt, failure: fault}, true},
		{"the first failure counts", state{phase: draining, reason: fault, failure: fault}, failed, other, state{phase: draining, reason: fault, failure: fault}, true},
		{"it has drained", state{phase: draining, reason: interrupt}, drained, nil, state{phase: closed, reason: interrupt}, true},
	}
	for in := offered; in <= drained; in++ {
		after := state{phase: closed, reason: interrupt}
		tests = append(tests, struct {
			name string
			from state
			in   input
			err  error
			want state
			ok   bool
		}{"closed", after, in, fault, after, false})
	}
	for _, tt := range tests {
		got, ok := tt.from.next(tt.in, tt.err)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(state{}), cmpopts.EquateErrors()); diff != "" || ok != tt.ok {
			t.Errorf("%s: %v %s", tt.name, ok, diff)
		}
	}
}

// They are tried to a length of six.
func TestEveryOrderOfInputsKeepsTheRules(t *testing.T) {
	fault := errors.New("fault")
	var try func(s state, open int, path []input)
	try = func(s state, open int, path []input) {
		if len(path) == 6 {
			return
		}
		for in := offered; in <= drained; in++ {
			if (in == dropped || in == done) && open == 0 {
				continue // it is of a callback that was taken
			}
			next, ok := s.next(in, fault)
			way := append(slices.Clone(path), in)
			after := open
			switch {
			case ok && in == offered:
				after++
			case in == dropped, in == done:
				after--
			}
			switch {
			case next.taken > next.count || next.done > next.taken || next.taken < 0:
				t.Fatalf("%v: %+v: more than the count is taken", way, next)
			case next.phase < s.phase || s.phase == closed && ok:
				t.Fatalf("%v: %+v: it goes back", way, next)
			case (next.phase == serving) != (next.reason == nil) || in == failed && s.phase != closed && next.failure == nil:
				t.Fatalf("%v: %+v: the reason is missing", way, next)
			case next.done == next.count && next.phase == serving:
				t.Fatalf("%v: %+v: it does not end", way, next)
			case !ok && next != s:
				t.Fatalf("%v: %+v: an input that is ignored changes it", way, next)
			}
			try(next, after, way)
		}
	}
	for count := 1; count <= 2; count++ {
		try(state{count: count}, 0, nil)
	}
}
