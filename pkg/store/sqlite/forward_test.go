package sqlite

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

const target = "http://localhost:3000/hook"

// deliverTo stores a callback that is to be passed on to the target.
func deliverTo(t *testing.T, l *Store, id, listener string) (isNew bool) {
	t.Helper()
	tk := ticket("shared")
	isNew, err := l.Store(ctx, callback(t, tk, final(id, tk, "42")), store.Forwarding{Listener: listener, Targets: []string{target}})
	must(t, err)
	return isNew
}

func waiting(t *testing.T, l *Store, listener string, after int64, limit int) (ids []string) {
	t.Helper()
	list, err := l.WaitingForwards(ctx, target, listener, after, limit)
	must(t, err)
	for _, f := range list {
		ids = append(ids, f.RequestID)
	}
	return ids
}

func TestACallbackWaitsForItsTargetAsItCame(t *testing.T) {
	l := open(t, t.TempDir())
	if !deliverTo(t, l, "req_1", "a") || deliverTo(t, l, "req_1", "a") {
		t.Error("a repeat is new")
	}
	list, err := l.WaitingForwards(ctx, target, "a", 0, 10)
	must(t, err)
	want := []store.Forward{{Seq: 1, RequestID: "req_1", Target: target, State: store.ForwardWaiting}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Fatal(diff)
	}
	header, body, ok, err := l.ForwardContent(ctx, list[0])
	must(t, err)
	if !ok || header.Get("Authorization") != "Bearer header-of-shared" || string(body) != final("req_1", ticket("shared"), "42") {
		t.Errorf("%v, %s", header, body)
	}
	// The rest of the ledger has neither.
	d, ok, err := l.Callback(ctx, 1)
	must(t, err)
	if !ok || bytes.Contains(d.Body, []byte("secret-of")) || d.Header.Get("Authorization") != "***" {
		t.Errorf("%v %s", d.Header, d.Body)
	}
	if _, ok, err := l.Callback(ctx, 2); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestWaitingCallbacksComeInTheirOrderInPieces(t *testing.T) {
	l := open(t, t.TempDir())
	for _, id := range []string{"req_1", "req_2", "req_3"} {
		deliverTo(t, l, id, "a")
	}
	deliverTo(t, l, "req_4", "b")
	if diff := cmp.Diff([]string{"req_1", "req_2"}, waiting(t, l, "a", 0, 2)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"req_3"}, waiting(t, l, "a", 2, 2)); diff != "" {
		t.Error(diff)
	}
	names, err := l.ForwardListeners(ctx, target)
	must(t, err)
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Error(diff)
	}
	must(t, l.AdoptForwards(ctx, target, "b", "a"))
	if diff := cmp.Diff([]string{"req_3", "req_4"}, waiting(t, l, "a", 2, 10)); diff != "" {
		t.Error(diff)
	}
	must(t, l.MoveForward(ctx, store.Forward{Seq: 3, Target: target}, "https://other.example/"))
	if diff := cmp.Diff([]string{"req_4"}, waiting(t, l, "a", 2, 10)); diff != "" {
		t.Error(diff)
	}
}

// What proved the sender is on the disk no longer than it is wanted.
func TestTheProofGoesWhenNothingWaits(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{})
	must(t, err)
	for _, id := range []string{"req_1", "req_2"} {
		deliverTo(t, l, id, "a")
	}
	list, err := l.WaitingForwards(ctx, target, "a", 0, 10)
	must(t, err)
	for i, f := range list {
		f.State, f.Attempts, f.StatusCode, f.EndedAt = store.ForwardDelivered, 2, 200, start
		if i == 1 {
			f.State, f.StatusCode, f.Failure = store.ForwardFailed, 0, "connection refused"
		}
		must(t, l.ForwardEnded(ctx, f))
	}
	failed, err := l.FailedForwards(ctx, store.Forward{}, 10)
	must(t, err)
	want := []store.Forward{{Seq: 2, RequestID: "req_2", Target: target, State: store.ForwardFailed, Attempts: 2, Failure: "connection refused", EndedAt: start.Local()}}
	if diff := cmp.Diff(want, failed, cmp.Transformer("utc", func(at time.Time) int64 { return at.UnixMilli() })); diff != "" {
		t.Error(diff)
	}
	if more, err := l.FailedForwards(ctx, failed[0], 10); err != nil || len(more) > 0 {
		t.Errorf("%v, %v", more, err)
	}
	for state, want := range map[store.ForwardState]int{store.ForwardWaiting: 0, store.ForwardDelivered: 1, store.ForwardFailed: 1} {
		n, err := l.CountForwards(ctx, state, "", "")
		must(t, err)
		here, err := l.CountForwards(ctx, state, target, "a")
		must(t, err)
		if n != want || here != want {
			t.Errorf("%s: %d and %d, want %d", state, n, here, want)
		}
	}
	// Sent again, it is one of those that the target took.
	failed[0].State, failed[0].Attempts, failed[0].StatusCode, failed[0].Failure = store.ForwardDelivered, 1, 204, ""
	must(t, l.ForwardEnded(ctx, failed[0]))
	if _, _, ok, err := l.ForwardContent(ctx, failed[0]); ok || err != nil {
		t.Errorf("its content is there: %v, %v", ok, err)
	}
	again, err := l.Forwards(ctx, store.Task{RequestID: "req_2"})
	must(t, err)
	if len(again) != 1 || again[0].State != store.ForwardDelivered || again[0].Attempts != 3 || again[0].StatusCode != 204 {
		t.Errorf("%+v", again)
	}
	must(t, l.Close())
	for _, name := range []string{Path(dir), Path(dir) + "-wal"} {
		text, err := os.ReadFile(name)
		if err == nil && (bytes.Contains(text, []byte("secret-of")) || bytes.Contains(text, []byte("header-of"))) {
			t.Errorf("%s has the proof", name)
		}
	}
}

func TestAnUnlistedCallbackIsNotToldOf(t *testing.T) {
	var told []string
	l := openWith(t, t.TempDir(), Options{Stored: func(e store.Entry) { told = append(told, e.Result.RequestID) }})
	tk := ticket("1")
	for id, unlisted := range map[string]bool{"req_1": true, "req_2": false} {
		_, err := l.Store(ctx, callback(t, tk, final(id, tk, "42")), store.Forwarding{Unlisted: unlisted})
		must(t, err)
	}
	if diff := cmp.Diff([]string{"req_2"}, told); diff != "" {
		t.Error(diff)
	}
	if n := countDeliveries(t, l); n != 2 {
		t.Errorf("%d are stored", n)
	}
}

// A callback that still waits is not pruned with its task, unless all are.
func TestPruningWaitsForForwards(t *testing.T) {
	l := open(t, t.TempDir())
	l.Share(ticket("shared").Path)
	deliverTo(t, l, "req_1", "a")
	deliverTo(t, l, "req_2", "a")
	list, err := l.WaitingForwards(ctx, target, "a", 0, 1)
	must(t, err)
	list[0].State = store.ForwardDelivered
	must(t, l.ForwardEnded(ctx, list[0]))
	all := store.Limits{Before: time.Now().Add(time.Hour)}
	if n, err := l.Prune(ctx, all); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if diff := cmp.Diff([]string{"req_2"}, waiting(t, l, "a", 0, 10)); diff != "" {
		t.Error(diff)
	}
	all.Open = true
	if n, err := l.Prune(ctx, all); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := l.CountForwards(ctx, store.ForwardWaiting, "", ""); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
