package await

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func result(t *testing.T, text string) *narada.Result {
	t.Helper()
	r, err := narada.ParseResult([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pending(t *testing.T) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"pending","completedAt":null}`)
}

func success(t *testing.T, text string) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"success","response":{"text":"`+text+`"},"completedAt":"2026-01-01T00:00:00Z"}`)
}

func asking(t *testing.T, input string) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"input-required","completedAt":null,"hitlInputMetadata":{"inputId":"`+input+`","action":{"name":"user_approval"}}}`)
}

// fakeCloud is the API. Its functions may be replaced.
type fakeCloud struct {
	start    time.Time
	dispatch func(ctx context.Context, n int) (string, error) // the n-th call, from 1
	status   func(n int, id string) (*narada.Result, error)

	mu         sync.Mutex
	dispatches int
	polls      []time.Duration
	request    *narada.Request // the newest
}

func (c *fakeCloud) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	c.mu.Lock()
	c.dispatches++
	n := c.dispatches
	c.request = r
	c.mu.Unlock()
	return c.dispatch(ctx, n)
}

func (c *fakeCloud) Status(_ context.Context, id string) (*narada.Result, error) {
	c.mu.Lock()
	c.polls = append(c.polls, time.Since(c.start))
	n := len(c.polls)
	c.mu.Unlock()
	return c.status(n, id)
}

func (c *fakeCloud) polled() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.polls)
}

// answers sets the answer to every status call.
func (c *fakeCloud) answers(r *narada.Result) {
	c.status = func(int, string) (*narada.Result, error) { return r, nil }
}

// fakeStore records its calls, and fails those in fails.
type fakeStore struct {
	fails  map[string]error // by method
	tasks  map[string]store.Task
	finals map[int64]*narada.Result
	others chan store.Entry // callbacks that arrive at other processes

	mu     sync.Mutex
	writes []string
}

func newFakeStore() *fakeStore {
	return &fakeStore{fails: map[string]error{}, tasks: map[string]store.Task{}, finals: map[int64]*narada.Result{}, others: make(chan store.Entry)}
}

func (s *fakeStore) write(method, format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, method+fmt.Sprintf(format, args...))
	return s.fails[method]
}

// written returns what was written so far.
func (s *fakeStore) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

func (s *fakeStore) Write(_ context.Context, ops ...store.Op) error {
	switch op := ops[0].(type) {
	case *store.Intend:
		op.Number = 7
		return s.write("intend", " %s %s %s %s", op.Source, op.Cloud, op.Prompt, op.Ticket.Path)
	case *store.Accept:
		return s.write("accepted", " %d %s", op.Task, op.RequestID)
	case *store.AcceptTwice:
		return s.write("accepted twice", " %d %s", op.Task, op.RequestID)
	case *store.Refuse:
		return s.write("refused", " %d %s", op.Task, op.Failure)
	case *store.Retry:
		return s.write("retried", " %d", op.Task)
	case *store.Poll:
		return s.write("polled", " %s %s", op.Result.RequestID, op.Result.Status)
	case *store.Deliver:
		return s.write("delivered", " %s %s", op.Ticket.Path, op.Result.Status)
	}
	return fmt.Errorf("no write is expected of %T", ops[0])
}
func (s *fakeStore) Last(context.Context) (int64, error) { return 3, s.fails["last"] }
func (s *fakeStore) FollowOthers(ctx context.Context, after int64, wanted func() store.Wanted) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := s.fails["follow"]; err != nil || after != 3 {
			yield(store.Entry{}, errors.Join(err, s.fails["follow"]))
			return
		}
		for {
			select {
			case e := <-s.others:
				w := wanted()
				if !slices.Contains(w.Paths, e.Path) && !slices.Contains(w.RequestIDs, e.Result.RequestID) {
					continue
				}
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
func (s *fakeStore) Task(_ context.Context, id string) (store.Task, bool, error) {
	t, ok := s.tasks[id]
	return t, ok, s.fails["task"]
}
func (s *fakeStore) Final(ctx context.Context, t store.Task) (*narada.Result, error) {
	return s.finals[t.Number], errors.Join(ctx.Err(), s.fails["final"])
}

// fakeEndpoint issues one ticket.
type fakeEndpoint struct{ withdrawn []string }

var theTicket = webhook.Ticket{Path: "/narada/1", Secret: "s3cr3t", Header: map[string][]string{"Authorization": {"Bearer t0k3n"}}}

func (*fakeEndpoint) Issue() (webhook.Ticket, error) { return theTicket, nil }
func (*fakeEndpoint) URL(t webhook.Ticket) string    { return "https://callbacks.example" + t.Path }
func (f *fakeEndpoint) Withdraw(t webhook.Ticket)    { f.withdrawn = append(f.withdrawn, t.Path) }
func (w *world) delivery(r *narada.Result) webhook.Delivery {
	return webhook.Delivery{Ticket: theTicket, Result: r}
}

// world is an Engine between fakes.
type world struct {
	cloud    *fakeCloud
	store    *fakeStore
	endpoint *fakeEndpoint
	engine   *Engine

	mu    sync.Mutex
	notes []string // events, but for callbacks
}

type setup func(*Options, *world)

func withStore(o *Options, w *world) {
	w.store = newFakeStore()
	o.Store = w.store
}
func withMany(o *Options, _ *world)     { o.Many = true }
func withEndpoint(_ *Options, w *world) { w.endpoint = &fakeEndpoint{} }
func every(interval time.Duration) setup {
	return func(o *Options, _ *world) { o.PollInterval = interval }
}
func failing(method string) setup {
	return func(_ *Options, w *world) { w.store.fails[method] = errors.New("disk full") }
}

func newWorld(t *testing.T, setups ...setup) *world {
	w := &world{cloud: &fakeCloud{start: time.Now()}}
	w.cloud.dispatch = func(context.Context, int) (string, error) { return "req_1", nil }
	w.cloud.answers(pending(t))
	o := Options{Client: w.cloud, Source: "run", Cloud: "https://api.example", PollInterval: 3 * time.Second, Report: w.note}
	for _, s := range setups {
		s(&o, w)
	}
	w.engine = New(o)
	t.Cleanup(w.engine.Close)
	if w.endpoint != nil {
		w.engine.Listen(w.endpoint)
	}
	return w
}

func (w *world) note(event Event) {
	var text string
	switch e := event.(type) {
	case Accepted:
		text = "accepted " + e.RequestID + " by " + string(e.By)
	case Resending:
		text = "resending"
	case AnswerLost:
		text = "answer lost"
	case AcceptedTwice:
		text = "accepted twice " + e.RequestID
	case OtherTask:
		text = "other task " + e.RequestID + " " + e.Named
	case IDReused:
		text = fmt.Sprint("reused ", e.Err.RequestID, " of ", e.Err.Task)
	case PersonAsked:
		text = "asked " + e.RequestID + " " + e.Input.InputID
	case PollFailed:
		if text = "poll failed"; e.Notable {
			text = "polls fail"
		}
	case PollRefused:
		text = "poll refused"
	case StoreFailed:
		text = fmt.Sprint("loss ", e.Loss)
	case EndpointChanged:
		text = fmt.Sprint("endpoint ", e.Event)
	case CallbackReceived:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, text)
}

func (w *world) noted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notes)
}

func (w *world) run(ctx context.Context) (Answer, error) {
	return w.engine.Run(ctx, Job{Request: &narada.Request{Prompt: "x"}, Prompt: "x"})
}

// callback delivers a callback for the task.
func (w *world) callback(r *narada.Result) error {
	return w.engine.Deliver(context.Background(), w.delivery(r))
}

// callbackAfter delivers a callback after d.
func (w *world) callbackAfter(d time.Duration, r *narada.Result) {
	time.AfterFunc(d, func() { _ = w.callback(r) })
}
