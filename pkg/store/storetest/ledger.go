package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// start is the time of the first event.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// ledger is the ledger of a test.
type ledger struct {
	*testing.T
	opener Opener
}

// open opens the ledger as another process would, until the test ends.
func (l ledger) open() handle { return l.openTelling(nil) }

func (l ledger) openTelling(stored func(store.Entry)) handle {
	l.Helper()
	s, err := l.opener.Open(context.Background(), l.opener.Name, stored)
	if err != nil {
		l.Fatal(err)
	}
	h := handle{s, l.T, new(bool)}
	l.Cleanup(h.close)
	return h
}

func (l ledger) ctx() context.Context { return context.Background() }

func (l ledger) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l ledger) same(what string, want, got any) {
	l.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		l.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// handle is an open ledger. Its helpers fail the test on an error.
type handle struct {
	Store
	t      *testing.T
	closed *bool
}

func (h handle) close() {
	h.t.Helper()
	if *h.closed {
		return
	}
	*h.closed = true
	if err := h.Close(); err != nil {
		h.t.Error(err)
	}
}

func (h handle) ctx() context.Context { return context.Background() }

func (h handle) write(ops ...store.Op) {
	h.t.Helper()
	if err := h.Write(h.ctx(), ops...); err != nil {
		h.t.Fatal(err)
	}
}

// intent returns the intent of a task with the ticket of that name.
func intent(name string) store.Intent {
	tk := ticket(name)
	return store.Intent{
		Source: "run", Cloud: "https://api.example.com", Machine: "here", Agent: "operator", CloudSession: "session_1", Parent: "req_parent",
		Prompt: "prompt of " + name, Body: json.RawMessage(`{"prompt":"/Operator prompt of ` + name + `"}`), Ticket: tk, At: start,
	}
}

// intend adds a task with the ticket of that name, and returns its number.
func (h handle) intend(name string) int64 {
	h.t.Helper()
	op := &store.Intend{Intent: intent(name)}
	h.write(op)
	return op.Number
}

// accepted adds a task that the cloud has accepted with the ID.
func (h handle) accepted(name, id string) int64 {
	h.t.Helper()
	number := h.intend(name)
	h.write(&store.Accept{Task: number, RequestID: id, At: start})
	return number
}

// deliver stores a callback, and reports whether it is new.
func (h handle) deliver(name, body string) bool {
	h.t.Helper()
	op := &store.Deliver{Delivery: callback(name, body)}
	h.write(op)
	return op.IsNew
}

// task returns the task with that request ID.
func (h handle) task(id string) store.Task {
	h.t.Helper()
	t, ok, err := h.Task(h.ctx(), id)
	if err != nil || !ok {
		h.t.Fatalf("%s: found %v, %v", id, ok, err)
	}
	return t
}

// tasks returns the tasks that match the query.
func (h handle) tasks(q store.Query) (list []store.Task) {
	h.t.Helper()
	err := h.Tasks(h.ctx(), q, func(t store.Task) error {
		list = append(list, t)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// ids returns the request IDs of tasks.
func (h handle) ids(q store.Query) (list []string) {
	h.t.Helper()
	for _, t := range h.tasks(q) {
		list = append(list, t.RequestID)
	}
	return list
}

// deliveries returns the callbacks of a task.
func (h handle) deliveries(id string) []store.Delivery {
	h.t.Helper()
	list, err := h.Deliveries(h.ctx(), h.task(id))
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// answer returns the text of the task's result, "" if there is none.
func (h handle) answer(id string) string {
	h.t.Helper()
	r, err := h.Final(h.ctx(), h.task(id))
	if err != nil {
		h.t.Fatal(err)
	}
	if r == nil {
		return ""
	}
	return r.Text()
}

// listing returns the content of the ledger.
func (h handle) listing() string {
	h.t.Helper()
	text, err := Listing(h.ctx(), h.Store)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// ticket returns the ticket of that name.
func ticket(name string) webhook.Ticket {
	return webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer header-of-" + name}}, Secret: "secret-of-" + name}
}

// callback returns a callback as the cloud sends it for the ticket of that name.
func callback(name, body string) webhook.Delivery {
	tk := ticket(name)
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": tk.Header["Authorization"]}
	r, err := webhook.Verify(tk, header, []byte(body))
	if err != nil {
		panic(fmt.Sprintf("storetest: %s: %v", body, err))
	}
	return webhook.Delivery{Ticket: tk, Result: r, Body: []byte(body), ReceivedAt: start, Header: header}
}

// Callback returns a final callback of the task with that request ID, for the ticket of that
// name.
func Callback(name, id, text string) webhook.Delivery { return callback(name, final(id, name, text)) }

// Intent returns the intent of a task with the ticket of that name.
func Intent(name string) store.Intent { return intent(name) }

// final and phase return bodies of callbacks with the secret of that ticket. In a phase,
// a person is asked.
func final(id, name, text string) string {
	return fmt.Sprintf(`{"requestId":%q, "status":"success","response":{"text":%q},"createdAt":"2026-01-02T03:04:00Z","completedAt":"2026-01-02T03:04:04.5Z","secret":%q}`, id, text, ticket(name).Secret)
}

func phase(id, name string) string { return question(id, name, "input_1") }

func question(id, name, inputID string) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"input-required","hitlInputMetadata":{"inputId":%q},"completedAt":null,"secret":%q}`, id, inputID, ticket(name).Secret)
}

// polled returns the result of a status call.
func polled(body string) *narada.Result {
	r, err := narada.ParseResult([]byte(body))
	if err != nil {
		panic(fmt.Sprintf("storetest: %s: %v", body, err))
	}
	return r
}

func polledFinal(id, text string) *narada.Result {
	return polled(fmt.Sprintf(`{"requestId":%q,"status":"error","response":{"text":%q},"createdAt":"2026-01-02T03:04:00Z","completedAt":"2026-01-02T03:04:05Z"}`, id, text))
}
