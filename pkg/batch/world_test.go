package batch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the store, the engine and the cloud of a batch. The last word of a prompt is
// the duration of its task, the first its outcome:
//
//	good, bad   it ends in success or error
//	endless     it is accepted, and the wait for it ends without an answer
//	lost        it may have been accepted, and the wait for it ends
//	maybe       the dispatch fails, and may have been accepted
//	refused     the cloud refuses its content
//	fatal       the cloud refuses all tasks
//	notime      the cloud is busy, and there is no time for a retry
//	calling     the dispatch call is under way until the context ends
//	unkept      it cannot be stored
//	unread      the store cannot be read when the task is awaited
//	panic       the engine panics
//	crash       the engine reports a panic
type world struct {
	t    *testing.T
	dir  string
	name string // of the input file

	out       bytes.Buffer // results
	interrupt chan struct{}
	receives  string // prefix of the URLs whose callbacks arrive here
	cloud     string

	mu      sync.Mutex
	events  []Event
	batch   *store.Batch
	items   map[Key]*store.ItemTask
	results map[int64]*narada.Result
	tasks   int64

	sent, awaited []string
	polled        []string       // of awaited, those without a ticket
	windows       map[string]int // tasks in each now
	most, flight  int            // tasks in flight
	overlap       bool           // two tasks were in one window
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, dir: t.TempDir(), name: "jobs.txt", interrupt: make(chan struct{}), receives: "https://here/", cloud: "https://api.example.com",
		items: map[Key]*store.ItemTask{}, results: map[int64]*narada.Result{}, windows: map[string]int{},
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// options returns those of a batch whose input is the text.
func (w *world) options(text string) Options {
	w.t.Helper()
	w.write(w.name, text)
	template, err := task.Spec{Agent: "generalist", OwnCallback: true, AnyWindow: true}.Template(&secret.Source{})
	if err != nil {
		w.t.Fatal(err)
	}
	return Options{
		Name: NameOf(w.name), Path: w.path(w.name), Format: FormatOf(w.name), Template: template, Concurrency: 100, Timeout: 24 * time.Hour, Stdout: &w.out,
		Confirm: func(context.Context, int, int) error { return nil },
		Hide:    func(...secret.String) {}, Report: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
}

func (w *world) open(o Options) *Batch {
	w.t.Helper()
	b, err := Open(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(b.Close)
	return b
}

func (w *world) backend() Backend {
	return Backend{
		Cloud: w.cloud, Store: w, Dir: w.dir, Interrupt: func() <-chan struct{} { return w.interrupt },
		Open: func(context.Context, func(*await.Options)) (Engine, error) { return w, nil },
	}
}

// run runs a batch.
func (w *world) run(o Options) Verdict {
	w.t.Helper()
	w.sent, w.awaited, w.polled, w.events = nil, nil, nil, nil
	w.out.Reset()
	v, err := w.open(o).Run(w.t.Context(), w.backend())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// printed returns line and status of the results in a text.
func printed(t *testing.T, text string) (list []string) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var r struct {
			Line   int
			Status string
			Error  string
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		text := fmt.Sprint(r.Line, " ", r.Status)
		if strings.Contains(r.Error, "its result is not in the ledger") {
			text += " without its result"
		}
		list = append(list, text)
	}
	return list
}

func (w *world) wantPrinted(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, printed(w.t, w.out.String())); diff != "" {
		w.t.Errorf("printed: %s", diff)
	}
}

func (w *world) wantSent(want ...string) {
	w.t.Helper()
	slices.Sort(w.sent)
	if diff := cmp.Diff(want, w.sent); diff != "" {
		w.t.Errorf("sent: %s", diff)
	}
}

func (w *world) wantAwaited(want ...string) {
	w.t.Helper()
	slices.Sort(w.awaited)
	if diff := cmp.Diff(want, w.awaited); diff != "" {
		w.t.Errorf("awaited: %s", diff)
	}
}

// earlier stores a batch of the lines of the text, as after an earlier run. tasks has the
// task of each line by the first word of its prompt.
func (w *world) earlier(text string, tasks map[string]store.Task) {
	w.t.Helper()
	w.batch = &store.Batch{Number: 1, Name: NameOf(w.name), Cloud: w.cloud, Lines: strings.Count(text, "\n"), Input: w.path(w.name)}
	for l, err := range (Input{Format: FormatOf(w.name)}).Lines(strings.NewReader(text)) {
		if err != nil {
			w.t.Fatal(err)
		}
		words := strings.Fields(l.Prompt)
		t, ok := tasks[words[0]]
		if !ok {
			continue
		}
		i := w.intend(l.Item(0), "")
		t.Number = i.Task.Number
		if t.Status == store.StatusUnknown {
			t.TicketPath, t.DispatchedAt, i.CallbackURL = "/a", time.Now(), "https://here/a"
		}
		if t.Status == "pruned" {
			t = store.Task{}
		}
		if i.Task = t; !t.Open() && t.Failure == "" && t.Number != 0 {
			w.finish(i, l.Prompt)
		}
	}
}

// Tasks in the store.
var (
	finished = store.Task{Status: narada.StatusSuccess, RequestID: "req_1", FinishedAt: time.Unix(1, 0)}
	running  = store.Task{Status: narada.StatusPending, RequestID: "req_1"}
	unknown  = store.Task{Status: store.StatusUnknown}
	refused  = store.Task{Status: store.StatusRefused, Failure: "422", FinishedAt: time.Unix(1, 0)}
	pruned   = store.Task{Status: "pruned"}
)

// intend stores another task of a line.
func (w *world) intend(item store.Item, window string) *store.ItemTask {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks++
	i := &store.ItemTask{Item: item, Window: window, Task: store.Task{Number: w.tasks, Status: store.StatusUnknown, DispatchedAt: time.Now()}}
	w.items[Key(item.Key)] = i
	return i
}

// finish stores the end of a task, and returns its result.
func (w *world) finish(i *store.ItemTask, prompt string) *narada.Result {
	status := narada.StatusSuccess
	if strings.HasPrefix(prompt, "bad") {
		status = narada.StatusError
	}
	r, err := narada.ParseResult([]byte(fmt.Sprintf(
		`{"requestId":"req_%d","status":%q,"createdAt":"2026-01-01T00:00:00Z","completedAt":"2026-01-01T00:00:0%dZ","usage":{"actions":1,"credits":0.5}}`,
		i.Task.Number, status, i.Line%10)))
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i.Task.RequestID, i.Task.Status, i.Task.FinishedAt = r.RequestID, status, time.Now()
	w.results[i.Task.Number] = r
	return r
}

// Run implements Engine.
func (w *world) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	sent := sync.OnceFunc(j.Sent)
	defer sent()
	if strings.HasPrefix(j.Prompt, "unkept") {
		return await.Answer{}, &await.NotKeptError{Err: errors.New("the disk is full")}
	}
	i := w.intend(j.Item, j.Request.BrowserWindowID)
	w.begin(j.Prompt, i.Window, &w.sent)
	sent()
	answer, err := w.wait(ctx, i, j.Prompt)
	answer.Task, answer.Ticket = i.Task.Number, "/a"
	return answer, err
}

// Resume implements Engine.
func (w *world) Resume(ctx context.Context, d await.Dispatched) (await.Answer, error) {
	w.mu.Lock()
	i := w.items[Key(d.Item.Key)]
	w.mu.Unlock()
	lines := strings.Split(w.read(w.name), "\n")
	prompt := lines[i.Line-1]
	if d.Ticket == "" {
		w.polled = append(w.polled, prompt)
	}
	w.begin(prompt, i.Window, &w.awaited)
	return w.wait(ctx, i, prompt)
}

// Receives implements Engine.
func (w *world) Receives(url string) bool { return strings.HasPrefix(url, w.receives) }

func (w *world) begin(prompt, window string, list *[]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, prompt)
	w.flight++
	w.most = max(w.most, w.flight)
	if window != "" {
		w.windows[window]++
		w.overlap = w.overlap || w.windows[window] > 1
	}
}

func (w *world) wait(ctx context.Context, i *store.ItemTask, prompt string) (await.Answer, error) {
	words := strings.Fields(prompt)
	kind, id := words[0], fmt.Sprintf("req_%d", i.Task.Number)
	d, err := time.ParseDuration(words[len(words)-1])
	if err != nil {
		w.t.Error(err)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.flight--
		if i.Window != "" && kind != "endless" {
			w.windows[i.Window]--
		}
	}()
	select {
	case <-timer.C:
	case <-ctx.Done():
		switch kind {
		case "lost":
			id = ""
		case "calling":
			return await.Answer{}, &narada.DispatchError{Err: fmt.Errorf("dispatch: %w", context.Cause(ctx))}
		}
		return await.Answer{}, &await.UnfinishedError{ID: id, Cause: context.Cause(ctx)}
	}
	switch kind {
	case "endless":
		return await.Answer{}, &await.UnfinishedError{ID: id, Cause: errors.New("its status is unknown")}
	case "lost":
		return await.Answer{}, &await.UnfinishedError{Cause: errors.New("no callback can arrive any more")}
	case "maybe":
		return await.Answer{}, &narada.DispatchError{Maybe: true, Err: errors.New("the connection was cut")}
	case "refused":
		return await.Answer{}, &narada.DispatchError{Err: &narada.APIError{StatusCode: 422}}
	case "notime":
		return await.Answer{}, &narada.DispatchError{Err: &await.NoTimeError{Err: &narada.APIError{StatusCode: 503}}}
	case "crash":
		err := panics.Catch(func() error { panic("the engine is broken") })
		return await.Answer{}, &await.UnfinishedError{ID: id, Cause: err}
	case "panic":
		panic("the engine is broken")
	case "unread":
		return await.Answer{}, errors.New("the disk cannot be read")
	case "fatal":
		return await.Answer{}, &narada.DispatchError{Err: &narada.APIError{StatusCode: 401}}
	}
	return await.Answer{Result: w.finish(i, prompt)}, nil
}

// Issue implements Engine.
func (w *world) Issue() (store.Address, error) { return store.Address{}, nil }

// Withdraw implements Engine.
func (w *world) Withdraw(store.Address) {}
