package trigger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received is a callback as received by an endpoint.
type received struct {
	URL, Authorization, Secret, ID, Status, Text string
	Data                                         json.RawMessage
}

// endpoint is a transport that records requests.
type endpoint struct {
	answer func(*http.Request) (status int) // nil: 200

	mu       sync.Mutex
	received []received
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct {
		ID       string  `json:"requestId"`
		Secret   *string `json:"secret"`
		Status   string  `json:"status"`
		Response struct {
			Text string          `json:"text"`
			Data json.RawMessage `json:"structuredOutput"`
		} `json:"response"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	shown := "(null)"
	if body.Secret != nil {
		shown = *body.Secret
	}
	e.mu.Lock()
	e.received = append(e.received, received{r.URL.String(), r.Header.Get("Authorization"), shown, body.ID, body.Status, body.Response.Text, body.Response.Data})
	e.mu.Unlock()
	status := http.StatusOK
	if e.answer != nil {
		status = e.answer(r)
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("no route")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

// credentials are a secret and a header.
func credentials(text, authorization string) secret.Credentials {
	return secret.NewCredentials(secret.New(text), http.Header{"Authorization": {authorization}})
}

func (e *endpoint) options() Options {
	return Options{
		Event: "success", Random: rand.Reader, URL: "https://hook.example/hook", Sender: deliver.Sender{Transport: e},
		Credentials: credentials("s", "Bearer t"),
	}
}

func TestAnEndpointReceivesTheSample(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		want   received
	}{
		"the sample":                      {func(*Options) {}, received{Status: "success", Text: "Found 1,234 software engineering job listings in the search results."}},
		"another event":                   {func(o *Options) { o.Event = "error" }, received{Status: "error", Text: "Failed to complete the task due to network timeout."}},
		"another text":                    {func(o *Options) { o.Text = "Done." }, received{Status: "success", Text: "Done."}},
		"data":                            {func(o *Options) { o.Text, o.Data = "Done.", json.RawMessage(`[1.50]`) }, received{Status: "success", Text: "Done.", Data: json.RawMessage(`[1.50]`)}},
		"data that replaces the sample's": {func(o *Options) { o.Event, o.Text, o.Data = "structured", "Done.", json.RawMessage(`{}`) }, received{Status: "success", Text: "Done.", Data: json.RawMessage(`{}`)}},
		"no credentials": {func(o *Options) { o.Text, o.Credentials = "Done.", secret.Credentials{} },
			received{Status: "success", Text: "Done.", Secret: "(null)", Authorization: "(none)"}},
	} {
		t.Run(name, func(t *testing.T) {
			var e endpoint
			o := e.options()
			test.change(&o)
			s, err := Send(t.Context(), o)
			if err != nil || !s.Attempt.Accepted() || string(s.Attempt.Answer) != "answer" {
				t.Fatalf("%+v, %v", s, err)
			}
			want := test.want
			want.URL, want.ID = o.URL, s.RequestID
			switch want.Authorization {
			case "":
				want.Authorization, want.Secret = "Bearer t", "s"
			case "(none)":
				want.Authorization = ""
			}
			if diff := cmp.Diff([]received{want}, e.received); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ledger records calls.
type ledger struct {
	mu      sync.Mutex
	records []string
	intents []store.Intent
	fail    string // the op that fails
}

func (l *ledger) Write(ctx context.Context, ops ...store.Op) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	record, kind := "", ""
	switch op := ops[0].(type) {
	case *store.Intend:
		l.intents = append(l.intents, op.Intent)
		op.Number = int64(len(l.intents))
		record, kind = "intended", "Intend"
	case *store.Accept:
		record, kind = fmt.Sprintf("%d accepted as %s", op.Task, op.RequestID), "Accept"
	case *store.Refuse:
		record, kind = fmt.Sprintf("%d refused %q", op.Task, op.Failure), "Refuse"
	}
	if ctx.Err() != nil || l.fail == kind {
		return errors.Join(ctx.Err(), errors.New("no room"))
	}
	l.records = append(l.records, record)
	return nil
}

func TestEachCallbackToAListenerHasItsOwnTicket(t *testing.T) {
	var e endpoint
	var l ledger
	o := e.options()
	o.URL, o.Store, o.Credentials = "https://listener.example", &l, secret.Credentials{}
	paths := map[string]bool{}
	for i := range 2 {
		s, err := Send(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ticket, got := l.intents[i].Ticket, e.received[i]
		want := received{URL: "https://listener.example" + ticket.Path, Authorization: ticket.Header.Get("Authorization"), Secret: ticket.Secret, ID: s.RequestID, Status: got.Status, Text: got.Text}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !webhook.IsTicketPath(ticket.Path, receive.Prefix) || ticket.Secret == "" || s.Ticket.Path != ticket.Path {
			t.Errorf("path %s of %s", ticket.Path, s.Ticket.Path)
		}
		paths[ticket.Path] = true
		if l.intents[i].Source != "trigger" || l.intents[i].Prompt != "(sample: success)" || l.records[2*i+1] != fmt.Sprintf("%d accepted as %s", i+1, s.RequestID) {
			t.Errorf("%+v, %q", l.intents[i], l.records)
		}
	}
	if len(paths) != 2 {
		t.Error("two have the same path")
	}
}

func TestGivenCredentialsReplaceTheTickets(t *testing.T) {
	var e endpoint
	var l ledger
	o := e.options()
	o.Store = &l
	if _, err := Send(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := e.received[0]; got.Authorization != "Bearer t" || got.Secret != "s" || got.URL != o.URL+l.intents[0].Ticket.Path {
		t.Errorf("%+v", got)
	}
	if got := l.intents[0].Ticket; got.Header.Get("Authorization") != "Bearer t" || got.Secret != "s" {
		t.Error("the stored ticket differs")
	}
}

func TestTheOutcomeIsRecorded(t *testing.T) {
	for name, test := range map[string]struct {
		answer      func(cancel func()) int
		fail        string
		want        []string // without what was intended
		notRecorded int
		sent        bool
		err         string
	}{
		"accepted":                     {func(func()) int { return 204 }, "", []string{"1 accepted as ID"}, 0, true, ""},
		"refused":                      {func(func()) int { return 404 }, "", []string{`1 refused ""`}, 0, true, ""},
		"unreachable":                  {func(func()) int { return 0 }, "", []string{`1 refused ""`}, 0, true, ""},
		"ended before the answer":      {func(cancel func()) int { cancel(); return 200 }, "", []string{`1 refused ""`}, 0, true, "context canceled"},
		"storing the acceptance fails": {func(func()) int { return 200 }, "Accept", nil, 1, true, ""},
		"storing the refusal fails":    {func(func()) int { return 500 }, "Refuse", nil, 1, true, ""},
		"storing the intent fails":     {func(func()) int { return 200 }, "Intend", nil, 0, false, "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e := endpoint{answer: func(*http.Request) int { return test.answer(cancel) }}
			l := ledger{fail: test.fail}
			var notRecorded []error
			o := e.options()
			o.Store, o.NotRecorded = &l, func(err error) { notRecorded = append(notRecorded, err) }
			s, err := Send(ctx, o)
			if got := fmt.Sprint(err); got != test.err && (err != nil || test.err != "") {
				t.Errorf("error %v, want %q", err, test.err)
			}
			var got []string
			for _, record := range l.records {
				if record != "intended" {
					got = append(got, strings.ReplaceAll(record, s.RequestID, "ID"))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if len(notRecorded) != test.notRecorded || (len(e.received) > 0) != test.sent {
				t.Errorf("not recorded %v, received %+v", notRecorded, e.received)
			}
			for _, err := range notRecorded {
				if err.Error() != "no room" {
					t.Error(err)
				}
			}
		})
	}
}

// An answer before the end of ctx counts.
func TestAnAnswerIsNotLostWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var e endpoint
	o := e.options()
	o.Sender.Observe = func(deliver.Attempt) { cancel() }
	if s, err := Send(ctx, o); err != nil || !s.Attempt.Accepted() {
		t.Errorf("%+v, %v", s.Attempt, err)
	}
}

func TestNothingIsSentAfterAnError(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no such event":              func(o *Options) { o.Event = "sucess" },
		"no JSON":                    func(o *Options) { o.Data = json.RawMessage("{") },
		"no randomness":              func(o *Options) { o.Random = strings.NewReader("") },
		"no randomness for a ticket": func(o *Options) { o.Random, o.Store = strings.NewReader(strings.Repeat("x", 20)), &ledger{} },
	} {
		var e endpoint
		o := e.options()
		change(&o)
		if _, err := Send(t.Context(), o); err == nil || len(e.received) > 0 {
			t.Errorf("%s: %v, received %+v", name, err, e.received)
		}
		if sum, err := SendMany(t.Context(), o, 3, 1); err == nil || sum.Sent > 0 {
			t.Errorf("%s: %v, %+v", name, err, sum)
		}
	}
}

func TestManyAreSentWithTheGivenConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most, nth := 0, 0, 0
		e := endpoint{answer: func(*http.Request) int {
			mu.Lock()
			now++
			nth++
			most = max(most, now)
			status := []int{200, 200, 200, 500, 0}[nth%5]
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			now--
			return status
		}}
		sum, err := SendMany(t.Context(), e.options(), 20, 4)
		if err != nil || most != 4 {
			t.Errorf("%d at once, %v", most, err)
		}
		want := Summary{Sent: 20, Accepted: 12, Seconds: 5, Rate: 4, P50: 1000, P95: 1000, P99: 1000, Answers: map[string]int{"200": 12, "500": 4, "connection broken": 4}}
		if sum.Refused.StatusCode != 500 && sum.Refused.Err == nil {
			t.Errorf("refused: %+v", sum.Refused)
		}
		sum.Refused = deliver.Attempt{}
		if diff := cmp.Diff(want, sum, cmpopts.IgnoreUnexported(deliver.Attempt{})); diff != "" {
			t.Error(diff)
		}
		ids := map[string]bool{}
		for _, r := range e.received {
			ids[r.ID] = true
		}
		if len(ids) != 20 {
			t.Errorf("%d request IDs", len(ids))
		}
	})
}

// Only earlier answers are summarized.
func TestTheEndOfTheContextEndsSendMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		e := endpoint{answer: func(r *http.Request) int {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
			return 200
		}}
		sum, err := SendMany(ctx, e.options(), 100, 2)
		if !errors.Is(err, context.DeadlineExceeded) || sum.Sent != 4 || sum.Accepted != 4 || len(e.received) != 6 {
			t.Errorf("%+v, %v, %d were received", sum, err, len(e.received))
		}
	})
}

func TestARecordingErrorEndsSendMany(t *testing.T) {
	var e endpoint
	l := ledger{fail: "Intend"}
	o := e.options()
	o.Store = &l
	if sum, err := SendMany(t.Context(), o, 100, 2); err == nil || err.Error() != "no room" || sum.Sent != 0 || len(e.received) != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestPercentilesUseTheNearestRank(t *testing.T) {
	var durations []time.Duration
	for ms := range 10 {
		durations = append(durations, time.Duration(ms+1)*time.Millisecond)
	}
	for percent, want := range map[int]float64{0: 1, 10: 1, 50: 5, 55: 6, 95: 10, 99: 10, 100: 10} {
		if got := percentile(durations, percent); got != want {
			t.Errorf("p%d is %vms, want %vms", percent, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestASummaryOfNothingIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var e endpoint
		sum, _ := SendMany(ctx, e.options(), 3, 1)
		doc, err := json.Marshal(sum)
		want := `{"sent":0,"accepted":0,"seconds":0,"perSecond":0,"p50Ms":0,"p95Ms":0,"p99Ms":0,"answers":{}}`
		if err != nil || string(doc) != want {
			t.Errorf("%s, %v", doc, err)
		}
	})
}

// A callback is printed without its credentials.
func TestSentPrintsNoSecret(t *testing.T) {
	var e endpoint
	o := e.options()
	o.Credentials = credentials("s3cret", "Bearer t0ken")
	s, err := Send(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %+v %#v", s, s, s)
	if slices.ContainsFunc([]string{"s3cret", "t0ken"}, func(text string) bool { return strings.Contains(b.String(), text) }) {
		t.Error(b.String())
	}
}
