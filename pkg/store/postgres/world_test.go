//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// newServer starts a server for one test.
func newServer(t testing.TB, settings ...string) *postgrestest.Server {
	t.Helper()
	postgrestest.Require(t)
	s, err := postgrestest.New(ctx, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// exec executes statements, each in a transaction of its own, as the superuser.
func exec(t testing.TB, s *postgrestest.Server, statements ...string) {
	t.Helper()
	for _, one := range statements {
		must(t, s.Exec(ctx, "postgres", one))
	}
}

// world is an open Store with what it tells.
type world struct {
	*Store
	t testing.TB

	closing        sync.Once
	mu             sync.Mutex
	stored, warned []string
}

// open opens a ledger until the test ends. o.Schema "" is one of the test's own.
func open(t testing.TB, o Options) *world {
	t.Helper()
	if o.Schema == "" {
		o.Schema = schema()
	}
	w := &world{t: t}
	o.Stored = func(e store.Entry) { w.note(&w.stored, e.Result.RequestID) }
	o.Warn = func(text string) { w.note(&w.warned, text) }
	l, err := Open(ctx, o)
	must(t, err)
	w.Store = l
	t.Cleanup(w.close)
	return w
}

// close closes the ledger once.
func (w *world) close() { w.closing.Do(func() { check(w.t, w.Store.Close()) }) }

// again opens the ledger once more.
func (w *world) again() *world { return open(w.t, Options{URL: w.o.URL, Schema: w.o.Schema}) }

func (w *world) note(list *[]string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, text)
}

// told returns the request IDs that Stored was called with, and the warnings.
func (w *world) told() (stored, warned []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.stored...), append([]string{}, w.warned...)
}

// deliver stores a callback with that request ID.
func (w *world) deliver(id string) (isNew bool, err error) {
	return w.Writes.Store(ctx, storetest.Callback("a", id, "42"), store.Forwarding{})
}

// must stores callbacks.
func (w *world) must(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if _, err := w.deliver(id); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ids returns the request IDs of all callbacks, in order.
func (w *world) ids() (list []string) {
	w.t.Helper()
	list, err := readAll(ctx, w.Store, plain[string], "SELECT request_id FROM @deliveries ORDER BY seq")
	must(w.t, err)
	return list
}

// follow follows all callbacks, until the test ends.
func (w *world) follow() <-chan string {
	following, stop := context.WithCancel(ctx)
	seen := make(chan string, 100_000)
	var ended sync.WaitGroup
	ended.Go(func() {
		for e, err := range w.Follow(following, 0) {
			if err != nil {
				w.t.Error(err)
				return
			}
			seen <- e.Result.RequestID
		}
	})
	w.t.Cleanup(func() {
		stop()
		ended.Wait()
	})
	return seen
}

// expect takes the next from the channel.
func expect(t testing.TB, seen <-chan string, want ...string) {
	t.Helper()
	for _, one := range want {
		select {
		case got := <-seen:
			if got != one {
				t.Fatalf("saw %q, want %q", got, one)
			}
		case <-time.After(waitLimit):
			t.Fatalf("did not see %q", one)
		}
	}
}

// waitLimit is how long a test waits for what must happen.
const waitLimit = 20 * time.Second

// eventually waits until done is true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > waitLimit {
			t.Fatal(what + ": not in time")
		}
	}
}

// failure returns the *Error that opening the ledger ends with.
func failure(t testing.TB, o Options) *Error {
	t.Helper()
	if o.Schema == "" {
		o.Schema = schema()
	}
	l, err := Open(ctx, o)
	if err == nil {
		_ = l.Close()
		t.Fatal("it was opened")
	}
	return asError(t, err)
}

func asError(t testing.TB, err error) *Error {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("%T: %v", err, err)
	}
	return failed
}

// described is what a user of the package learns from an *Error.
type described struct {
	Message, Hint          string
	Unreachable, Temporary bool
}

func describe(e *Error) described {
	return described{e.Error(), e.Hint(), e.Unreachable(), e.Temporary()}
}

// at returns the server's URL with other parts.
func at(s *postgrestest.Server, database string, change func(*url.URL)) string {
	u, err := url.Parse(s.URL(database))
	if err != nil {
		panic(err)
	}
	if change != nil {
		change(u)
	}
	return u.String()
}

// as changes the user of a URL.
func as(user, password string) func(*url.URL) {
	return func(u *url.URL) { u.User = url.UserPassword(user, password) }
}

// address of the server as messages have it.
func address(s *postgrestest.Server) string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// testBatch returns a batch of that name.
func testBatch(name string) store.Batch {
	return store.Batch{Name: name, BegunAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Input: "in.csv", Cloud: "https://api.example.com", Lines: 2}
}
