package forward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// memoryStore is a Store in memory, that several listeners share.
type memoryStore struct {
	mu   sync.Mutex
	rows []*row
	err  error // of WaitingForwards

	tried    []*store.ForwardTried
	triedErr error
	full     int // how many writes fail with a temporary error
}

// diskFull is an error that may pass.
type diskFull struct{}

func (diskFull) Error() string   { return "disk full" }
func (diskFull) Temporary() bool { return true }

type row struct {
	store.Forward
	listener string
}

func (m *memoryStore) add(listener, target string, ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.rows = append(m.rows, &row{store.Forward{Seq: int64(len(m.rows) + 1), RequestID: id, Target: target, State: store.ForwardWaiting}, listener})
	}
}

func (m *memoryStore) of(f store.Forward) *row {
	i := slices.IndexFunc(m.rows, func(r *row) bool { return r.Seq == f.Seq })
	return m.rows[i]
}

func (m *memoryStore) waiting(target, listener string) (list []store.Forward) {
	for _, r := range m.rows {
		if r.Target == target && (listener == "" || r.listener == listener) && r.State == store.ForwardWaiting {
			list = append(list, r.Forward)
		}
	}
	return list
}

func (m *memoryStore) WaitingForwards(_ context.Context, target, listener string, after int64, limit int) ([]store.Forward, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.DeleteFunc(m.waiting(target, listener), func(f store.Forward) bool { return f.Seq <= after })
	return list[:min(limit, len(list))], m.err
}

func (m *memoryStore) CountForwards(_ context.Context, _ store.ForwardState, target, listener string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting(target, listener)), nil
}

func (m *memoryStore) ForwardContent(_ context.Context, f store.Forward) (http.Header, []byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body := fmt.Sprintf(`{"requestId":%q,"secret":"s3cret","status":"success"}`, f.RequestID)
	switch f.RequestID {
	case "damaged body":
		body = "x]"
	case "damaged header":
		return nil, nil, false, &store.DamagedError{Err: errors.New("no colon")}
	}
	return http.Header{"X-Seq": {fmt.Sprint(f.Seq)}}, []byte(body), f.RequestID != "pruned", nil
}

func (m *memoryStore) Write(_ context.Context, ops ...store.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full > 0 {
		m.full--
		return diskFull{}
	}
	switch op := ops[0].(type) {
	case *store.ForwardTried:
		m.tried = append(m.tried, op)
		return m.triedErr
	case *store.ForwardEnded:
		m.of(op.Forward).Forward = op.Forward
	case *store.AdoptForwards:
		for _, f := range m.waiting(op.Target, op.From) {
			m.of(f).listener = op.To
		}
	}
	return nil
}

func (m *memoryStore) ForwardListeners(_ context.Context, target string) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.Target == target && r.State == store.ForwardWaiting && !slices.Contains(names, r.listener) {
			names = append(names, r.listener)
		}
	}
	return names, nil
}

// states are those of the rows, as "ID listener state".
func (m *memoryStore) states() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		list = append(list, fmt.Sprintf("%s %s %s %s", r.RequestID, r.listener, r.State, r.Failure))
	}
	return list
}

// slowTarget takes the same time for each callback.
type slowTarget struct {
	takes   time.Duration
	grace   time.Duration
	failure map[string]string // by request ID

	mu    sync.Mutex
	taken []string
}

func (s *slowTarget) Name() string               { return "target" }
func (s *slowTarget) Concurrency() int           { return 2 }
func (s *slowTarget) GracePeriod() time.Duration { return s.grace }

func (s *slowTarget) Forward(ctx, _ context.Context, header http.Header, body []byte, _ func(Result)) (Result, error) {
	s.mu.Lock()
	timer := time.NewTimer(s.takes)
	s.mu.Unlock()
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Result{}, deliver.ErrStopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, err := narada.ParseCallback(body)
	if err != nil {
		return Result{}, err
	}
	s.taken = append(s.taken, r.RequestID+" "+header.Get("X-Seq"))
	return Result{Attempts: 1, Failure: s.failure[r.RequestID]}, nil
}

// events collects what is reported.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) report(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf("%T%v", event, event))
}

func start(t *testing.T, o Options) *Forwarding {
	t.Helper()
	if o.Failed == nil {
		o.Failed = func(err error) { t.Error(err) }
	}
	if o.Report == nil {
		o.Report = func(Event) {}
	}
	f, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCloseForwardsAllWaitingCallbacksInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, to, e := &memoryStore{}, &slowTarget{takes: time.Second, failure: map[string]string{"b": "no"}}, &events{}
		m.add("me", "target", "a", "a")
		f := start(t, Options{Store: m, Listener: "me", Targets: []Target{to}, Report: e.report})
		m.add("me", "target", "a", "b", "pruned")
		f.Wake()
		if notForwarded, waiting := f.Close(t.Context(), true); notForwarded != 1 || waiting != 1 {
			t.Errorf("%d were not forwarded, %d wait", notForwarded, waiting)
		}
		slices.Sort(to.taken)
		if diff := cmp.Diff([]string{"a 1", "a 2", "a 3", "b 4"}, to.taken); diff != "" {
			t.Error(diff)
		}
		want := []string{"a me forwarded ", "a me forwarded ", "a me forwarded ", "b me failed no", "pruned me waiting "}
		if diff := cmp.Diff(want, m.states()); diff != "" {
			t.Error(diff)
		}
		reported := []string{"forward.Forwarded{a target {1 0 0s  false  false}}", "forward.Forwarded{a target {1 0 0s  false  false}}", "forward.Forwarded{a target {1 0 0s  false  false}}",
			"forward.NotForwarded{b target {1 0 0s no false  false}}", "forward.Remaining{target 1 <nil>}", "forward.Waiting{target 2}"}
		slices.Sort(e.list)
		if diff := cmp.Diff(reported, e.list); diff != "" {
			t.Error(diff)
		}
	})
}

// Callbacks of a listener that is not running are adopted, those of a running one are not.
func TestWaitingCallbacksAreForwardedAfterARestartOrByAnotherListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, to := &memoryStore{}, &slowTarget{takes: time.Second, grace: time.Minute}
		m.add("me", "target", "a", "a", "a")
		m.add("ended", "target", "b")
		m.add("runs", "target", "c")
		m.add("ended", "another target", "d")
		var reserved []string
		o := Options{Store: m, Listener: "me", Targets: []Target{to}, Reserve: func(name string) (func() error, bool, error) {
			reserved = append(reserved, name)
			return func() error { reserved = append(reserved, "release "+name); return nil }, name != "runs", nil
		}}
		f := start(t, o)
		time.Sleep(500 * time.Millisecond) // the first of a, and b, are in progress
		if _, waiting := f.Close(t.Context(), false); waiting != 2 {
			t.Errorf("%d wait", waiting)
		}
		if _, waiting := start(t, o).Close(t.Context(), true); waiting != 0 {
			t.Errorf("after the restart %d wait", waiting)
		}
		if diff := cmp.Diff([]string{"a 1", "a 2", "a 3"}, slices.DeleteFunc(to.taken, func(s string) bool { return s[0] == 'b' })); diff != "" {
			t.Error(diff)
		}
		want := []string{"a me forwarded ", "a me forwarded ", "a me forwarded ", "b me forwarded ", "c runs waiting ", "d ended waiting "}
		if diff := cmp.Diff(want, m.states()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"ended", "release ended", "runs", "runs"}, reserved); diff != "" {
			t.Error(diff)
		}
	})
}

// It reports that it waits, and ends them after the grace period.
func TestCloseWaitsForAttemptsInProgress(t *testing.T) {
	tests := []struct {
		name         string
		takes, grace time.Duration
		took         time.Duration
		waiting      int
		want         []string
	}{
		{"quick", 200 * time.Millisecond, time.Second, 200 * time.Millisecond, 0, []string{"forward.Forwarded{a target {1 0 0s  false  false}}"}},
		{"slow", 5 * time.Second, time.Minute, 5 * time.Second, 0, []string{"forward.Finishing{target}", "forward.Forwarded{a target {1 0 0s  false  false}}"}},
		{"too slow", time.Hour, time.Minute, time.Minute + quietLimit, 1, []string{"forward.Finishing{target}", "forward.Remaining{target 1 <nil>}"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, e := &memoryStore{}, &events{}
				f := start(t, Options{Store: m, Listener: "me", Targets: []Target{&slowTarget{takes: tt.takes, grace: tt.grace}}, Report: e.report})
				m.add("me", "target", "a")
				f.Wake()
				synctest.Wait()
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if _, waiting := f.Close(ctx, true); waiting != tt.waiting || time.Since(began) != tt.took {
					t.Errorf("%d wait after %v", waiting, time.Since(began))
				}
				if diff := cmp.Diff(tt.want, e.list); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAnErrorOfTheStoreIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := errors.New("wrong")
		reported := make(chan error, 1)
		f := start(t, Options{Store: &memoryStore{err: wrong}, Listener: "me", Targets: []Target{&slowTarget{}}, Failed: func(err error) { reported <- err }})
		if err := <-reported; err != wrong {
			t.Errorf("got %v", err)
		}
		f.Close(t.Context(), true)
	})
}

// retryTarget fails once for each callback.
type retryTarget struct{ slowTarget }

func (r *retryTarget) Forward(ctx, stop context.Context, header http.Header, body []byte, retrying func(Result)) (Result, error) {
	retrying(Result{Attempts: 1, StatusCode: 503, Failure: "503 Service Unavailable"})
	result, err := r.slowTarget.Forward(ctx, stop, header, body, retrying)
	result.Attempts = 2
	return result, err
}

func TestFailedAttemptsAreStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryStore{}
		m.add("listener", "target", "req_1")
		f := start(t, Options{Store: m, Listener: "listener", Targets: []Target{&retryTarget{}}})
		if notForwarded, waiting := f.Close(t.Context(), true); notForwarded != 0 || waiting != 0 {
			t.Errorf("%d not forwarded, %d waiting", notForwarded, waiting)
		}
		want := []*store.ForwardTried{{Seq: 1, Target: "target", StatusCode: 503, Failure: "503 Service Unavailable"}}
		if diff := cmp.Diff(want, m.tried, cmpopts.IgnoreFields(store.ForwardTried{}, "At")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEventHasTheAttemptsOfEarlierRunsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, e := &memoryStore{}, &events{}
		m.add("listener", "target", "req_1")
		m.rows[0].Attempts = 3
		target := &retryTarget{slowTarget{failure: map[string]string{"req_1": "503 Service Unavailable"}}}
		f := start(t, Options{Store: m, Listener: "listener", Targets: []Target{target}, Report: e.report})
		if notForwarded, _ := f.Close(t.Context(), true); notForwarded != 1 {
			t.Errorf("%d not forwarded", notForwarded)
		}
		want := []string{"forward.Waiting{target 1}", "forward.NotForwarded{req_1 target {5 0 0s 503 Service Unavailable false  false}}"}
		if diff := cmp.Diff(want, e.list); diff != "" {
			t.Error(diff)
		}
	})
}

func TestForwardingWaitsWhileTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, e, to := &memoryStore{full: 100}, &events{}, &retryTarget{}
		m.add("listener", "target", "req_1", "req_2")
		f := start(t, Options{Store: m, Listener: "listener", Targets: []Target{to}, Report: e.report})
		if notForwarded, waiting := f.Close(t.Context(), true); notForwarded != 0 || waiting != 0 {
			t.Errorf("%d not forwarded, %d waiting", notForwarded, waiting)
		}
		slices.Sort(to.taken)
		if diff := cmp.Diff([]string{"req_1 1", "req_2 2"}, to.taken); diff != "" || len(m.tried) != 2 {
			t.Errorf("%d attempts are stored, %s", len(m.tried), diff)
		}
		if e.list[1] != "forward.StoreFailed{target disk full}" || len(e.list) > 1+2+2 {
			t.Errorf("got %q", e.list)
		}
	})
}

// An interrupt does not wait for space on the disk.
func TestAFullDiskDoesNotDelayTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryStore{full: 1 << 30}
		m.add("listener", "target", "req_1")
		var failed error
		f := start(t, Options{Store: m, Listener: "listener", Targets: []Target{&slowTarget{}}, Failed: func(err error) { failed = err }})
		time.Sleep(time.Hour)
		began := time.Now()
		if _, waiting := f.Close(t.Context(), false); waiting != 1 || time.Since(began) > 0 || !errors.Is(failed, diskFull{}) {
			t.Errorf("%d wait, %v after %v", waiting, failed, time.Since(began))
		}
	})
}

func TestADamagedCallbackDoesNotKeepOthersFromBeingForwarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, to := &memoryStore{}, &slowTarget{}
		m.add("me", "target", "damaged body", "damaged header", "a")
		f := start(t, Options{Store: m, Listener: "me", Targets: []Target{to}})
		if notForwarded, waiting := f.Close(t.Context(), true); notForwarded != 2 || waiting != 0 {
			t.Errorf("%d were not forwarded, %d wait", notForwarded, waiting)
		}
		want := []string{"damaged body me failed the stored callback is damaged: not valid JSON: invalid character 'x' looking for beginning of value",
			"damaged header me failed the stored callback is damaged: no colon", "a me forwarded "}
		if diff := cmp.Diff(want, m.states()); diff != "" || len(to.taken) != 1 {
			t.Errorf("%q %s", to.taken, diff)
		}
	})
}

// The target has accepted the callback all the same.
func TestAnAttemptThatCannotBeStoredDoesNotRepeatTheCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryStore{triedErr: errors.New("disk full")}
		m.add("listener", "target", "req_1")
		var failed error
		f := start(t, Options{Store: m, Listener: "listener", Targets: []Target{&retryTarget{}}, Failed: func(err error) { failed = err }})
		if _, waiting := f.Close(t.Context(), true); waiting != 0 {
			t.Errorf("%d callbacks wait to be forwarded again", waiting)
		}
		if !errors.Is(failed, m.triedErr) {
			t.Errorf("failed with %v", failed)
		}
	})
}
