package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// batch is a batch of so many lines, of which every third has ended.
func batch(t *testing.T, l *Store, name string, lines int) (number int64, keys [][]byte) {
	t.Helper()
	number, err := l.PutBatch(ctx, store.Batch{Name: name, BegunAt: start, Input: name + ".txt", Cloud: "https://api.example.com", Lines: lines})
	must(t, err)
	for i := range lines {
		key := []byte(fmt.Sprintf("%s-%04d", name, lines-i)) // not in the order of the lines
		tk := ticket(string(key))
		numbers, err := l.Intend(ctx, []store.Intent{{Source: "batch", Ticket: tk, At: start, Body: []byte(`{"callbackUrl":"https://a.example` + tk.Path + `","browserWindowId":"w"}`),
			Item: store.Item{Batch: number, Key: key, Line: i + 1, ID: fmt.Sprint("id", i)}}})
		must(t, err)
		id := fmt.Sprintf("req_%s_%d", name, i)
		must(t, l.Accepted(ctx, numbers[0], id))
		if i%3 == 0 {
			deliver(t, l, tk, final(id, tk, "42"))
		}
		keys = append(keys, key)
	}
	return number, keys
}

func TestABatchIsKeptByItsLines(t *testing.T) {
	l := open(t, t.TempDir())
	other, _ := batch(t, l, "other", 2)
	number, keys := batch(t, l, "jobs", 2*itemPage+10)
	found, ok, err := l.Batch(ctx, "jobs")
	must(t, err)
	if want := (store.Batch{Number: number, Name: "jobs", BegunAt: start, Input: "jobs.txt", Cloud: "https://api.example.com", Lines: len(keys)}); !ok || found != want {
		t.Errorf("got %+v", found)
	}
	if _, ok, err := l.Batch(ctx, "none"); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
	items, err := l.Items(ctx, number, append(keys, []byte("none")))
	must(t, err)
	count, err := l.CountItems(ctx, number, append(keys, []byte("none")))
	must(t, err)
	if len(items) != len(keys) || count != len(keys) {
		t.Errorf("%d and %d of %d lines", len(items), count, len(keys))
	}
	line := 0
	must(t, l.EachItem(ctx, number, func(i store.ItemTask) error {
		if line++; i.Line != line || i.ID != fmt.Sprint("id", line-1) || i.Task.RequestID != fmt.Sprintf("req_jobs_%d", line-1) {
			t.Errorf("line %d is %+v", line, i)
		}
		if open := (line-1)%3 != 0; open != i.Task.Open() || open != strings.HasPrefix(i.CallbackURL, "https://a.example/narada/jobs-") || open != (i.Window == "w") {
			t.Errorf("line %d: %+v", line, i)
		}
		return nil
	}))
	if line != len(keys) {
		t.Errorf("%d lines", line)
	}
	// Another task for a line takes the place of the one before.
	numbers, err := l.Intend(ctx, []store.Intent{{At: start, Item: store.Item{Batch: number, Key: keys[0], Line: 1}}})
	must(t, err)
	if items, err = l.Items(ctx, number, keys[:1]); err != nil || items[0].Task.Number != numbers[0] {
		t.Errorf("got %+v, %v", items, err)
	}
	var names []string
	must(t, l.Batches(ctx, func(b store.Batch, tally store.Tally) error {
		names = append(names, fmt.Sprint(b.Name, " ", tally.Sent()))
		return nil
	}))
	if diff := cmp.Diff([]string{fmt.Sprint("jobs ", len(keys)), "other 2"}, names); diff != "" {
		t.Error(diff)
	}
	tally, err := l.Tally(ctx, other)
	must(t, err)
	if diff := cmp.Diff(store.Tally{narada.StatusSuccess: 1, narada.StatusPending: 1}, tally); diff != "" {
		t.Error(diff)
	}
}

// A line whose task has been pruned is known all the same, so that it is not sent
// again, as long as its batch has others.
func TestPruningKeepsTheLinesOfABatch(t *testing.T) {
	l := open(t, t.TempDir())
	number, keys := batch(t, l, "jobs", 3) // the first has ended
	if _, err := l.Prune(ctx, store.Limits{Before: start.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	items, err := l.Items(ctx, number, keys[:1])
	must(t, err)
	if len(items) != 1 || items[0].Task.Number != 0 {
		t.Errorf("got %+v", items)
	}
	if _, err := l.Prune(ctx, store.Limits{Before: start.Add(time.Hour), Open: true}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := l.Batch(ctx, "jobs"); ok || err != nil {
		t.Errorf("a batch of which nothing is left is there: %v, %v", ok, err)
	}
	if count, err := l.CountItems(ctx, number, keys); count != 0 || err != nil {
		t.Errorf("%d lines are left, %v", count, err)
	}
}

func TestWhyATaskWasRefusedIsKept(t *testing.T) {
	l := open(t, t.TempDir())
	number := intend(t, l, ticket("a"), "p")
	must(t, l.Refused(ctx, number, "422", start))
	task, ok, err := l.Numbered(ctx, number)
	must(t, err)
	if !ok || task.Status != store.StatusRefused || task.Failure != "422" || task.Open() {
		t.Errorf("got %+v", task)
	}
}

// Lines move, change and go; those that have gone come last, and are not counted.
func TestLinesHaveTheirPlacesInTheInputNow(t *testing.T) {
	l := open(t, t.TempDir())
	number, keys := batch(t, l, "jobs", 3)
	item := store.Item{Batch: number, Key: []byte("with-id"), Line: 4, ID: "a", Content: []byte("first")}
	_, err := l.Intend(ctx, []store.Intent{{At: start, Item: item}})
	must(t, err)
	item.Content, item.Line = []byte("second"), 1
	for _, gone := range []int{2, 0} { // the second time nothing is new
		changed, went, err := l.PlaceItems(ctx, number, []store.Item{item, {Key: keys[0], Line: 3}, {Key: []byte("new"), Line: 2}})
		must(t, err)
		if changed != 1 || went != gone {
			t.Errorf("%d have changed, %d are gone", changed, went)
		}
	}
	must(t, l.SetMisfit(ctx, number, keys[0], `["a"]`))
	var got []string
	must(t, l.EachItem(ctx, number, func(i store.ItemTask) error {
		got = append(got, fmt.Sprintf("%d %s %s", i.Line, i.ID, i.Misfit))
		return nil
	}))
	if diff := cmp.Diff([]string{"1 a ", `3 id0 ["a"]`, fmt.Sprint(store.GoneLine, " id2 "), fmt.Sprint(store.GoneLine, " id1 ")}, got); diff != "" {
		t.Error(diff)
	}
	tally, err := l.Tally(ctx, number)
	must(t, err)
	if diff := cmp.Diff(store.Tally{store.StatusMisfit: 1, store.StatusUnknown: 1}, tally); diff != "" {
		t.Error(diff)
	}
	// A new task for a line has its content, and no misfit yet.
	item.Key, item.Content, item.ID, item.Line = keys[0], []byte("third"), "", 3
	_, err = l.Intend(ctx, []store.Intent{{At: start, Item: item}})
	must(t, err)
	if changed, gone, err := l.PlaceItems(ctx, number, []store.Item{item}); changed != 0 || gone != 1 || err != nil {
		t.Errorf("%d have changed, %d are gone, %v", changed, gone, err)
	}
	if tally, err = l.Tally(ctx, number); err != nil || tally[store.StatusMisfit] != 0 {
		t.Errorf("%v, %v", tally, err)
	}
}
