package ui

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// taskBody is a task with all that is stored of it.
type taskBody struct {
	row
	Batch      string // name; "": none
	Failure    string
	Timeline   timeline
	Request    *document // nil: sent elsewhere
	Commands   []Command
	Answer     string             // text of the result
	Data       *document          // structured data of the result
	Violations []schema.Violation // of the data
	Question   string             // what a person is asked
	Callbacks  []callbackBody
	Refusals   []store.Refusal
	FormToken  string
	Replays    bool
}

// callbackBody is a callback of a task.
type callbackBody struct {
	history.Callback
	Body     document
	Target   string // to propose for a replay
	Attempts []store.Event
}

func (s *Server) taskPage(r *http.Request) (page, error) {
	t, err := s.find(r)
	if err != nil {
		return page{}, err
	}
	ctx := r.Context()
	detail, err := history.Read(ctx, s.o.Ledger, t)
	if err != nil {
		return page{}, err
	}
	events, err := s.o.Ledger.Events(ctx, t)
	if err != nil {
		return page{}, err
	}
	body := taskBody{row: s.newRow(t), Failure: t.Failure, Timeline: newTimeline(t, events, s.o.Now()), Refusals: detail.Refusals, FormToken: s.formToken, Replays: s.o.Replay != nil}
	slices.Reverse(body.Refusals)
	if body.Batch, err = s.batchName(ctx, t.Batch); err != nil {
		return page{}, err
	}
	if detail.Request != nil {
		request := newDocument(detail.Request)
		body.Request = &request
		body.Commands = s.o.Commands(t, detail.Request)
	}
	body.answer(detail)
	body.check(detail)
	for _, c := range detail.Callbacks {
		one := callbackBody{Callback: c, Body: newDocument(c.Body)}
		one.Forwards = slices.Clone(c.Forwards)
		for _, e := range events {
			if e.Kind == store.EventForwardAttempted && e.Seq == c.Seq {
				e.Target = secret.MaskURLs(e.Target)
				one.Attempts = append(one.Attempts, e)
			}
		}
		for i, f := range one.Forwards {
			one.Forwards[i].Target = secret.MaskURLs(f.Target)
			if !forward.IsCommand(f.Target) && one.Forwards[i].Target == f.Target {
				one.Target = f.Target
			}
		}
		body.Callbacks = append(body.Callbacks, one)
	}
	slices.Reverse(body.Callbacks)
	return page{Template: "task", Title: body.Name + ": " + string(t.Status), Section: "tasks", Body: body}, nil
}

// batchName returns the name of the batch with that number, "" if there is none.
func (s *Server) batchName(ctx context.Context, number int64) (string, error) {
	if number == 0 {
		return "", nil
	}
	list, err := s.o.Ledger.BatchList(ctx)
	for _, b := range list {
		if b.Number == number {
			return b.Name, err
		}
	}
	return "", err
}

// find returns the task that the URL names, by request ID or number.
func (s *Server) find(r *http.Request) (store.Task, error) {
	t, err := history.Find(r.Context(), s.o.Ledger, r.PathValue("name"))
	if errors.Is(err, history.ErrNotFound) || errors.Is(err, history.ErrBadNumber) {
		err = errNoSuch
	}
	return t, err
}

// answer sets what the newest result says: the final one, or the question to a person.
func (b *taskBody) answer(d history.Detail) {
	result := d.Result
	if result == nil {
		for _, c := range d.Callbacks {
			if r, _, err := narada.ParseCallback(c.Delivery.Body); err == nil {
				result = r
			}
		}
	}
	if result == nil {
		return
	}
	b.Answer = result.Text()
	if len(b.Answer) > maxRaw {
		b.Answer = b.Answer[:maxRaw] + "…"
	}
	if result.HumanInput != nil && !result.Final() {
		b.Question = result.HumanInput.Action.Message
	}
	if data := result.Structured(); len(data) > 0 {
		doc := newDocument(data)
		b.Data = &doc
	}
}

// check sets where the data of the answer violate the schema that the request asked for.
func (b *taskBody) check(d history.Detail) {
	var r narada.Request
	if b.Data == nil || d.Result == nil || json.Unmarshal(d.Request, &r) != nil || r.ResponseFormat == nil {
		return
	}
	wanted, err := schema.Compile(r.ResponseFormat.JSONSchema)
	if err != nil {
		b.Violations = []schema.Violation{{Message: err.Error()}}
		return
	}
	if b.Violations, err = wanted.Validate(d.Result.Structured()); err != nil {
		b.Violations = []schema.Violation{{Message: err.Error()}}
	}
	for _, v := range b.Violations {
		if b.Data.Tree != nil {
			b.Data.Tree.at(v.Pointer).Error = v.Message
		}
	}
}

// serveRaw serves the body of a callback as text.
func (s *Server) serveRaw(w http.ResponseWriter, r *http.Request) {
	d, ok, err := s.callback(r)
	if err != nil {
		http.Error(w, "The ledger cannot be read: "+s.o.Mask(err.Error()), http.StatusInternalServerError)
		return
	}
	if !ok {
		http.Error(w, "There is no such callback.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(d.Body) // the browser may be gone
}

func (s *Server) callback(r *http.Request) (d store.Delivery, ok bool, err error) {
	seq, err := strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil {
		return d, false, nil
	}
	return s.o.Ledger.Callback(r.Context(), seq)
}

// replayedBody is the outcome of a replay.
type replayedBody struct {
	Replayed
	URL string
}

// maxForm is the size of a form, in bytes.
const maxForm = 64 << 10

// replay sends a callback again. The form has a value that other pages do not know.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if s.o.Replay == nil || subtle.ConstantTimeCompare([]byte(r.PostFormValue("once")), []byte(s.formToken)) != 1 {
		http.Error(w, "Load the page of the task again: its form is of an earlier narada.", http.StatusForbidden)
		return
	}
	s.answer(w, r, func(r *http.Request) (page, error) {
		d, ok, err := s.callback(r)
		if err == nil && !ok {
			err = errNoSuch
		}
		if err != nil {
			return page{}, err
		}
		target := r.PostFormValue("url")
		replayed, err := s.o.Replay(r.Context(), d, target)
		if err != nil {
			replayed.Failure = err.Error()
		}
		replayed.Failure, replayed.Answer = s.o.Mask(replayed.Failure), s.o.Mask(replayed.Answer)
		return page{Template: "replayed", Title: "Replay", Section: "callbacks", Body: replayedBody{replayed, secret.MaskURLs(target)}}, nil
	})
}

// timeline is the events of a task as a picture.
type timeline struct {
	Events []point
	Height int
	End    string // its length, as text
	Open   bool
}

// point is an event at its place.
type point struct {
	store.Event
	X     float64 // 0 to 1000
	Label string
	After time.Duration // since the first event
	Class string
}

// timelineWidth is the width of the picture, in units of its own.
const timelineWidth = 1000.0

func newTimeline(t store.Task, events []store.Event, now time.Time) (line timeline) {
	if len(events) == 0 {
		return line
	}
	begin, end := events[0].At, events[0].At
	for _, e := range events { // by the clocks of several machines
		if e.At.Before(begin) {
			begin = e.At
		}
		if e.At.After(end) {
			end = e.At
		}
	}
	if line.Open = t.Open(); line.Open && now.After(end) {
		end = now
	}
	length := max(end.Sub(begin), time.Millisecond)
	for _, e := range events {
		after := e.At.Sub(begin)
		label, class := eventLabel(e)
		line.Events = append(line.Events, point{Event: e, X: timelineWidth * float64(max(after, 0)) / float64(length), Label: label, After: after, Class: class})
	}
	line.End = seconds(length)
	return line
}

// eventLabel names an event, and its look.
func eventLabel(e store.Event) (label, class string) {
	switch e.Kind {
	case store.EventDispatched:
		return "sent to the cloud", "sent"
	case store.EventAccepted:
		return "accepted by the cloud", "sent"
	case store.EventAcceptedTwice:
		return "accepted a second time, as " + e.RequestID, "bad"
	case store.EventRefused:
		return "refused: " + e.Failure, "bad"
	case store.EventPersonAsked:
		return "a person was asked", "asked"
	case store.EventPolled:
		return "status call: " + string(e.Status), classOf(e.Status, e.Final)
	case store.EventDelivered:
		return "callback: " + string(e.Status), classOf(e.Status, e.Final)
	case store.EventForwardAttempted:
		return forwardLabel(e), map[store.ForwardState]string{store.ForwardDelivered: "good", store.ForwardFailed: "bad"}[e.State]
	}
	return string(e.Kind), ""
}

func forwardLabel(e store.Event) string {
	text := "forwarding to " + secret.MaskURLs(e.Target) + ", attempt " + strconv.Itoa(e.Attempts) + ": "
	switch {
	case e.StatusCode != 0:
		text += strconv.Itoa(e.StatusCode)
	case e.Failure != "":
		text += e.Failure
	default:
		text += string(e.State)
	}
	return text
}

func classOf(status narada.Status, final bool) string {
	switch {
	case !final:
		return "asked"
	case status == narada.StatusSuccess:
		return "good"
	}
	return "bad"
}
