package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// ledger is a store with tasks, the newest first, and forwards that failed.
type ledger struct {
	tasks      []store.Task
	deliveries map[string][]store.Delivery // by request ID
	callbacks  map[int64]store.Delivery
	failed     []store.Forward
	records    []string
	fail       string // the method that fails
	damaged    int64  // the callback that is
}

var errBroken = errors.New("the ledger is broken")

func (l *ledger) broken(ctx context.Context, method string) error {
	if l.fail == method {
		return errBroken
	}
	return ctx.Err()
}

func (l *ledger) Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	for _, t := range l.tasks {
		if !q.Heard.Equal(noon) && !q.Heard.IsZero() {
			return fmt.Errorf("heard %s", q.Heard)
		}
		if err := yield(t); err != nil {
			return err
		}
	}
	return l.broken(ctx, "Tasks")
}

func (l *ledger) Deliveries(ctx context.Context, t store.Task) ([]store.Delivery, error) {
	return l.deliveries[t.RequestID], l.broken(ctx, "Deliveries")
}

func (l *ledger) Callback(ctx context.Context, seq int64) (store.Delivery, bool, error) {
	d, ok := l.callbacks[seq]
	if seq == l.damaged {
		return d, false, &store.DamagedError{Err: errBroken}
	}
	return d, ok, l.broken(ctx, "Callback")
}

func (l *ledger) FailedForwards(ctx context.Context, after store.Forward, limit int) (page []store.Forward, err error) {
	for _, f := range l.failed {
		if len(page) < limit && (f.Seq > after.Seq || f.Seq == after.Seq && f.Target > after.Target) {
			page = append(page, f)
		}
	}
	return page, l.broken(ctx, "FailedForwards")
}

func (l *ledger) Write(ctx context.Context, ops ...store.Op) error {
	for _, op := range ops {
		switch op := op.(type) {
		case *store.MoveForward:
			l.records = append(l.records, fmt.Sprintf("%d moved from %s to %s", op.Seq, op.From, op.To))
		case *store.ForwardEnded:
			l.records = append(l.records, fmt.Sprintf("%d to %s %s: %d %q", op.Seq, op.Target, op.State, op.StatusCode, op.Failure))
		}
	}
	return l.broken(ctx, "Write")
}

// endpoint is a transport that answers with the status in a callback's text (0: no answer)
// and records requests.
type endpoint struct {
	received []string
	before   func(n int) // called before the nth answer
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	doc, _ := io.ReadAll(r.Body)
	e.received = append(e.received, fmt.Sprintf("%s %q %s", r.URL, r.Header.Get("Authorization"), doc))
	if e.before != nil {
		e.before(len(e.received))
	}
	var body struct{ Text int }
	if err := json.Unmarshal(doc, &body); err != nil {
		return nil, err
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	if body.Text == 0 {
		return nil, errors.New("no route")
	}
	return &http.Response{StatusCode: body.Text, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

func body(status int) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"secret":"of the cloud","text":%d}`, status))
}

// always returns that sender for every URL.
func always(s deliver.Sender) func(string) (deliver.Sender, error) {
	return func(string) (deliver.Sender, error) { return s, nil }
}

func (e *endpoint) options(l *ledger) Options {
	return Options{
		URL: "https://hook.example/", Credentials: secret.NewCredentials(secret.New("mine"), http.Header{"Authorization": {"Bearer t"}}),
		Store: l, Sender: always(deliver.Sender{Transport: e}),
	}
}

// collect returns the outcomes, a word for each, and the last error.
func collect(t *testing.T, all iter.Seq2[Sent, error]) (list []string, err error) {
	t.Helper()
	for s, failure := range all {
		if err != nil {
			t.Error("a value follows an error")
		}
		if err = failure; err != nil && s.Attempt.StatusCode == 0 {
			continue
		}
		outcome := fmt.Sprint(s.RequestID, " ", s.Attempt.StatusCode)
		if s.Skipped {
			outcome = s.RequestID + " skipped"
		}
		list = append(list, outcome)
	}
	return list, err
}

// three tasks: with a phase and two final callbacks, with none, and with a phase alone.
func three() *ledger {
	at := func(hours int, final bool, status int) store.Delivery {
		return store.Delivery{ReceivedAt: noon.Add(time.Duration(hours) * time.Hour), Final: final, Body: body(status)}
	}
	return &ledger{
		tasks: []store.Task{{Number: 3, RequestID: "req_3"}, {Number: 2, RequestID: "req_2"}, {Number: 1, RequestID: "req_1"}},
		deliveries: map[string][]store.Delivery{
			"req_1": {at(-3, true, 201), at(-2, true, 202), at(-1, false, 203)},
			"req_3": {at(0, false, 204), at(1, false, 404)},
		},
	}
}

func TestTheNewestFinalCallbackOfEachTaskIsSent(t *testing.T) {
	var e endpoint
	got, err := collect(t, e.options(three()).All(t.Context()))
	if diff := cmp.Diff([]string{"req_1 202", "req_3 404"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	want := []string{
		`https://hook.example/ "Bearer t" {"secret":"mine","text":202}`,
		`https://hook.example/ "Bearer t" {"secret":"mine","text":404}`,
	}
	if diff := cmp.Diff(want, e.received); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyWhatWasReceivedSinceIsSent(t *testing.T) {
	var e endpoint
	o := e.options(three())
	o.Since = noon
	got, err := collect(t, o.All(t.Context()))
	if diff := cmp.Diff([]string{"req_3 404"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestNamedTasksAreSentInTheirOrder(t *testing.T) {
	var e endpoint
	got, err := collect(t, e.options(three()).Named(t.Context(), []store.Task{{RequestID: "req_3"}, {RequestID: "req_1"}}))
	if diff := cmp.Diff([]string{"req_3 404", "req_1 202"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestNothingIsSentWhenANamedTaskHasNoCallback(t *testing.T) {
	var e endpoint
	_, err := collect(t, e.options(three()).Named(t.Context(), []store.Task{{RequestID: "req_1"}, {Number: 2, RequestID: "req_2"}}))
	if none, ok := errors.AsType[*NoCallbackError](err); !ok || none.Task.Number != 2 || none.Error() != "no callback of task 2" || len(e.received) > 0 {
		t.Errorf("%v, received %q", err, e.received)
	}
}

// failures are forwards: two to an endpoint, one to a command, one that was pruned.
func failures() *ledger {
	forward := func(seq int64, target string) store.Forward {
		return store.Forward{Seq: seq, RequestID: fmt.Sprint("req_", seq), Target: target, State: store.ForwardFailed, Attempts: 7, StatusCode: 500, Failure: "then"}
	}
	at := func(hours int, status int) store.Delivery {
		return store.Delivery{ReceivedAt: noon.Add(time.Duration(hours) * time.Hour), Body: body(status)}
	}
	return &ledger{
		failed:    []store.Forward{forward(1, "http://127.0.0.1:1/hook"), forward(2, "-- sh -c 'https://x.example'"), forward(3, "https://far.example/"), forward(4, "https://far.example/")},
		callbacks: map[int64]store.Delivery{1: at(-1, 200), 2: at(0, 200), 3: at(1, 500)},
	}
}

func TestFailedForwardsAreSentToTheirTargets(t *testing.T) {
	var e endpoint
	l := failures()
	o := e.options(l)
	o.URL = ""
	got, err := collect(t, o.Failed(t.Context()))
	if diff := cmp.Diff([]string{"req_1 200", "req_2 skipped", "req_3 500"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	want := []string{
		`1 to http://127.0.0.1:1/hook forwarded: 200 ""`,
		`3 to https://far.example/ failed: 500 "the callback was refused: 500 Internal Server Error"`,
	}
	if diff := cmp.Diff(want, l.records); diff != "" {
		t.Error(diff)
	}
	if len(e.received) != 2 || e.received[0] != `http://127.0.0.1:1/hook "Bearer t" {"secret":"mine","text":200}` {
		t.Errorf("%q", e.received)
	}
}

// Another endpoint than the target may accept it; its refusal changes nothing.
func TestFailedForwardsAreSentToAnotherEndpoint(t *testing.T) {
	var e endpoint
	l := failures()
	o := e.options(l)
	o.Since = noon
	got, err := collect(t, o.Failed(t.Context()))
	if diff := cmp.Diff([]string{"req_2 200", "req_3 500"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	want := []string{
		`2 moved from -- sh -c 'https://x.example' to https://hook.example/`,
		`2 to https://hook.example/ forwarded: 200 ""`,
	}
	if diff := cmp.Diff(want, l.records); diff != "" {
		t.Error(diff)
	}
}

func TestATimeoutIsRecordedWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := failures()
		l.failed, l.callbacks[1] = l.failed[:1], store.Delivery{Body: body(0)}
		var e endpoint
		o := e.options(l)
		o.URL = ""
		e.before = func(int) { time.Sleep(time.Minute) }
		if _, err := collect(t, o.Failed(t.Context())); err != nil {
			t.Error(err)
		}
		if want := []string{`1 to http://127.0.0.1:1/hook failed: 0 "no answer within 10s"`}; cmp.Diff(want, l.records) != "" {
			t.Errorf("%q", l.records)
		}
	})
}

func TestFailedForwardsAreReadPageByPage(t *testing.T) {
	const count = 2*failedPage + 1
	l := &ledger{callbacks: map[int64]store.Delivery{}}
	for seq := range int64(count) {
		l.failed = append(l.failed, store.Forward{Seq: seq/2 + 1, RequestID: fmt.Sprint("req_", seq), Target: fmt.Sprintf("https://%d.example/", seq%2)})
		l.callbacks[seq/2+1] = store.Delivery{Body: body(200)}
	}
	var e endpoint
	o := e.options(l)
	o.URL = ""
	got, err := collect(t, o.Failed(t.Context()))
	if err != nil || len(got) != count || got[0] != "req_0 200" || got[count-1] != fmt.Sprintf("req_%d 200", count-1) {
		t.Errorf("%d: %v", len(got), err)
	}
}

func TestAnErrorOfTheLedgerEndsAReplay(t *testing.T) {
	all := func(o Options, ctx context.Context) iter.Seq2[Sent, error] { return o.All(ctx) }
	named := func(o Options, ctx context.Context) iter.Seq2[Sent, error] {
		return o.Named(ctx, []store.Task{{RequestID: "req_1"}})
	}
	failed := func(o Options, ctx context.Context) iter.Seq2[Sent, error] { return o.Failed(ctx) }
	for _, test := range []struct {
		method string
		run    func(Options, context.Context) iter.Seq2[Sent, error]
		sent   []string // before, and with the error
	}{
		{"Tasks", all, nil}, {"Deliveries", all, nil}, {"Deliveries", named, nil},
		{"FailedForwards", failed, nil}, {"Callback", failed, nil}, {"Write", failed, []string{"req_1 200"}},
	} {
		var e endpoint
		l := three()
		f := failures()
		l.failed, l.callbacks, l.fail = f.failed, f.callbacks, test.method
		got, err := collect(t, test.run(e.options(l), t.Context()))
		if diff := cmp.Diff(test.sent, got); diff != "" || !errors.Is(err, errBroken) {
			t.Errorf("%s: %v %s", test.method, err, diff)
		}
	}
}

// If ctx ends, answers are recorded and yielded; requests without an answer are not.
func TestTheEndOfTheContextEndsAReplay(t *testing.T) {
	for name, test := range map[string]struct {
		nth     int
		during  bool
		want    []string
		records int
	}{
		"before the first answer":  {1, true, nil, 0},
		"after the first answer":   {1, false, []string{"req_1 200"}, 1},
		"before the second answer": {2, true, []string{"req_1 200"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var e endpoint
			l := failures()
			o := e.options(l)
			o.URL = ""
			if test.during {
				e.before = func(n int) {
					if n == test.nth {
						cancel()
					}
				}
			} else {
				o.Sender = always(deliver.Sender{Transport: &e, Observe: func(deliver.Attempt) { cancel() }})
			}
			var got []string
			var err error
			for s, failure := range o.Failed(ctx) {
				if err = failure; err == nil && !s.Skipped {
					got = append(got, fmt.Sprint(s.RequestID, " ", s.Attempt.StatusCode))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, context.Canceled) || len(l.records) != test.records {
				t.Errorf("%v, recorded %q %s", err, l.records, diff)
			}
		})
	}
}

func TestNothingIsSentAfterIterationStops(t *testing.T) {
	for _, run := range []func(Options) iter.Seq2[Sent, error]{
		func(o Options) iter.Seq2[Sent, error] { return o.All(t.Context()) },
		func(o Options) iter.Seq2[Sent, error] { return o.Failed(t.Context()) },
		func(o Options) iter.Seq2[Sent, error] {
			return o.Named(t.Context(), []store.Task{{RequestID: "req_1"}, {RequestID: "req_3"}})
		},
	} {
		var e endpoint
		l, f := three(), failures()
		l.failed, l.callbacks = f.failed, f.callbacks
		for range run(e.options(l)) {
			break
		}
		if len(e.received) != 1 {
			t.Errorf("%q", e.received)
		}
	}
}

// It is an attempt that failed, and the others are sent.
func TestADamagedCallbackIsNotSent(t *testing.T) {
	var e endpoint
	l := three()
	l.deliveries["req_1"] = []store.Delivery{{Final: true, Body: json.RawMessage("x]"), ReceivedAt: noon}}
	got, err := collect(t, e.options(l).All(t.Context()))
	if err != nil || len(got) < 2 || !slices.Contains(got, "req_1 0") || len(e.received) != len(got)-1 {
		t.Errorf("%v, %q, %q", err, got, e.received)
	}

	e, l = endpoint{}, failures()
	l.callbacks[1] = store.Delivery{ReceivedAt: noon, Body: json.RawMessage("x]")}
	l.damaged = 2
	o := e.options(l)
	o.URL = ""
	l.failed[1].Target = "https://hook.example/"
	got, err = collect(t, o.Failed(t.Context()))
	if diff := cmp.Diff([]string{"req_1 0", "req_2 0", "req_3 500"}, got); diff != "" || err != nil || len(e.received) != 1 {
		t.Errorf("%v %q %s", err, e.received, diff)
	}
	if want := `1 to http://127.0.0.1:1/hook failed: 0 "the stored callback is damaged: `; !strings.HasPrefix(l.records[0], want) || len(l.records) != 2 {
		t.Errorf("%q", l.records)
	}
}
