package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

// tasks is a ledger with these tasks, newest first.
type tasks []store.Task

func (l tasks) find(is func(store.Task) bool) (store.Task, bool, error) {
	for _, t := range l {
		if is(t) {
			return t, true, nil
		}
	}
	return store.Task{}, false, nil
}

func (l tasks) Task(_ context.Context, id string) (store.Task, bool, error) {
	return l.find(func(t store.Task) bool { return t.RequestID == id })
}

func (l tasks) Numbered(_ context.Context, number int64) (store.Task, bool, error) {
	return l.find(func(t store.Task) bool { return t.Number == number })
}

func (l tasks) Newest(context.Context) (store.Task, bool, error) {
	return l.find(func(t store.Task) bool { return t.RequestID != "" })
}

func (l tasks) Tasks(_ context.Context, q store.Query, yield func(store.Task) error) error {
	for i, t := range l {
		if q.Limit > 0 && i == q.Limit {
			break
		}
		if q.Open && !t.Open() {
			continue
		}
		if err := yield(t); err != nil {
			return err
		}
	}
	return nil
}

var finished = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const here = "https://api.example"

func TestTasksAreSelectedByName(t *testing.T) {
	ledger := tasks{{Number: 2}, {Number: 1, RequestID: "req_1"}}
	got, err := Named(t.Context(), ledger, []string{"req_1", "#2"})
	if diff := cmp.Diff([]store.Task{ledger[1], ledger[0]}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, want := range map[string]string{"req_9": "no task with request ID req_9 in the ledger", "#3": "no task #3 in the ledger", "#x": `"#x" is not a task number`} {
		_, err := Named(t.Context(), ledger, []string{"req_1", name})
		if wrong, ok := errors.AsType[*NameError](err); !ok || wrong.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Named(t.Context(), nil, []string{"req_1"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("without a ledger: %v", err)
	}
}

func TestTheLastTaskHasARequestID(t *testing.T) {
	known := store.Task{Number: 1, RequestID: "req_1"}
	for name, test := range map[string]struct {
		ledger Selector
		newer  bool
		err    error
	}{
		"the newest of all":                 {tasks{known}, false, nil},
		"below one without an ID":           {tasks{{Number: 2}, known}, true, nil},
		"below one that was not accepted":   {tasks{{Number: 2, FinishedAt: finished}, known}, false, nil},
		"in a ledger where no task has one": {tasks{{Number: 2}}, false, ErrNoTasks},
		"without a ledger":                  {nil, false, ErrNoTasks},
	} {
		last, newer, err := Last(t.Context(), test.ledger)
		if !errors.Is(err, test.err) || (newer != nil) != test.newer || err == nil && last.RequestID != "req_1" {
			t.Errorf("%s: %+v, newer %v, %v", name, last, newer, err)
		}
	}
}

func TestUnfinishedTasksAreThoseOfTheAPI(t *testing.T) {
	unknown := store.Task{Number: 4, Cloud: here}
	ledger := tasks{
		{Number: 6, RequestID: "req_6", Cloud: here}, {Number: 5, RequestID: "req_5", Cloud: "https://other.example"}, unknown,
		{Number: 3, RequestID: "req_3"}, {Number: 2, RequestID: "req_2", Cloud: here, FinishedAt: finished},
	}
	got, err := Open(t.Context(), ledger, here)
	want := Unfinished{IDs: []string{"req_3", "req_6"}, Unknown: []store.Task{unknown}, Elsewhere: 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := Open(t.Context(), nil, here); len(got.IDs) > 0 || err != nil {
		t.Errorf("without a ledger: %+v, %v", got, err)
	}
}
