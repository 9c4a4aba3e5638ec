package completing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

// tasks is a ledger with these tasks, the newest first.
type tasks []store.Task

func (l tasks) Tasks(_ context.Context, q store.Query, yield func(store.Task) error) error {
	for _, t := range l[:min(q.Limit, len(l))] {
		if err := yield(t); err != nil {
			return err
		}
	}
	return nil
}
func (tasks) BatchList(context.Context) (list []store.Batch, err error) { return }
func (tasks) Close() error                                              { return nil }
func (tasks) Sessions(context.Context, bool, int) (list []store.Session, err error) {
	return
}

// visible replaces control characters.
func visible(text string) string { return strings.ReplaceAll(text, "\x1b", "?") }

func requests(v Values, l tasks) []string {
	v.Shown = visible
	list, _ := v.Find(context.Background(), func(ctx context.Context, v *Values) error {
		Requests(ctx, l, v)
		return nil
	})
	return list
}

func TestRequestIDsAreCompletedWithPrompts(t *testing.T) {
	l := tasks{{RequestID: "req:3", Prompt: " two\n\tlines\x1b"}, {Prompt: "no ID yet"}, {RequestID: "odd id\x1b"}, {RequestID: "req:2", Prompt: strings.Repeat("é", 90)}, {RequestID: "other"}, {RequestID: "req:1"}}
	want := []string{"req:3\ttwo lines?", "req:2\t" + strings.Repeat("é", 79) + "…"}
	if diff := cmp.Diff(want, requests(Values{Prefix: "req:", Given: []string{"req:1"}}, l)); diff != "" {
		t.Error(diff)
	}
}

func TestTheNewestValuesAreCompleted(t *testing.T) {
	var l tasks
	for i := range maxRead + 10 {
		l = append(l, store.Task{RequestID: fmt.Sprintf("req_%d", i)})
	}
	got := requests(Values{}, l)
	if len(got) != maxValues || strings.TrimSpace(got[maxValues-1]) != "req_49" {
		t.Errorf("%d values: %q", len(got), got)
	}
	if got := requests(Values{Prefix: "req_2005"}, l); len(got) != 0 {
		t.Errorf("%q, of tasks that are too old", got)
	}
}

func TestValuesAreThereInTimeWhateverFails(t *testing.T) {
	for name, find := range map[string]func(context.Context, *Values) error{
		"nothing ends it": func(context.Context, *Values) error { time.Sleep(time.Hour); return nil },
		"it panics":       func(context.Context, *Values) error { panic("damaged") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				v := &Values{Prefix: "p", Shown: visible}
				list, _ := v.Add("auto", "poll").Find(t.Context(), find)
				if !slices.Equal(list, []string{"poll"}) || time.Since(start) > maxTime {
					t.Errorf("%q after %v", list, time.Since(start))
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}
