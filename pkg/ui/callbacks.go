package ui

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// Limits of a page of callbacks.
const (
	callbacksPerPage = 100
	callbacksStep    = 200 // of each kind, read at once
)

// callbacksBody is what came in.
type callbacksBody struct {
	Verdict  string // accepted, refused, or "" for both
	Text     string
	Rows     []arrival
	Older    string // URL of the next page; "": this is the last one
	Newest   string // URL of the first page; "": this is it
	Searched string // how far a search came before it ran out of time; "": to the end
	Empty    bool   // none has ever come in
}

// arrival is a callback, accepted or refused.
type arrival struct {
	At       time.Time
	Age      time.Duration
	Accepted *store.Received
	Refused  *store.Refusal
	Path     string // of the task's page

	below arrivalPlace // the older ones
}

// arrivalPlace is a place in the list of callbacks: those with smaller numbers follow. 0 is
// the begin.
type arrivalPlace struct{ accepted, refused int64 }

// text returns what a filter looks at.
func (a arrival) text() string {
	if a.Accepted != nil {
		return a.Accepted.RequestID + " " + string(a.Accepted.Status)
	}
	return a.Refused.Path + " " + a.Refused.Reason
}

// Verdict says what a refused callback was answered.
func (a arrival) Verdict() string {
	switch code := a.Refused.StatusCode; {
	case code == 0:
		return "no answer"
	case code/100 == 2: // to one of the sandbox's that is no callback
		return "answered, " + strconv.Itoa(code)
	default:
		return "refused, " + strconv.Itoa(code)
	}
}

func (s *Server) callbacksPage(r *http.Request) (page, error) {
	values := r.URL.Query()
	body := callbacksBody{Verdict: values.Get("verdict"), Text: strings.TrimSpace(values.Get("q"))}
	var from arrivalPlace
	from.accepted, _ = strconv.ParseInt(values.Get("accepted-below"), 10, 64)
	from.refused, _ = strconv.ParseInt(values.Get("refused-below"), 10, 64)
	began, wanted, last := time.Now(), strings.ToLower(body.Text), from
	for a, err := range s.arrivals(r.Context(), body.Verdict, from) {
		if err != nil {
			return page{}, err
		}
		if len(body.Rows) == callbacksPerPage {
			body.Older = body.url(last)
			break
		}
		if last = a.below; strings.Contains(strings.ToLower(a.text()), wanted) {
			body.Rows = append(body.Rows, a)
		} else if time.Since(began) > searchTime {
			body.Older, body.Searched = body.url(last), a.At.In(s.o.Zone).Format(time.DateTime)
			break
		}
	}
	if from != (arrivalPlace{}) {
		body.Newest = body.url(arrivalPlace{})
	}
	body.Empty = len(body.Rows) == 0 && body.url(from) == "/callbacks"
	return page{Template: "callbacks", Title: "Callbacks", Section: "callbacks", Body: body}, nil
}

// url returns the URL of the page from that place.
func (b callbacksBody) url(p arrivalPlace) string {
	values := url.Values{}
	for name, value := range map[string]string{"verdict": b.Verdict, "q": b.Text} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, value := range map[string]int64{"accepted-below": p.accepted, "refused-below": p.refused} {
		if value > 0 {
			values.Set(name, strconv.FormatInt(value, 10))
		}
	}
	return strings.TrimSuffix("/callbacks?"+values.Encode(), "?")
}

// arrivals returns the callbacks with that verdict, "" for any, from that place on, the newest
// first. Accepted ones keep the order of their numbers, and so do refused ones, so that pages
// neither repeat nor leave out one whatever the clocks say.
func (s *Server) arrivals(ctx context.Context, verdict string, p arrivalPlace) iter.Seq2[arrival, error] {
	return func(yield func(arrival, error) bool) {
		now := s.o.Now()
		var accepted []store.Received
		var refused []store.Refusal
		moreAccepted, moreRefused := verdict != "refused", verdict != "accepted"
		for {
			var err error
			if len(accepted) == 0 && moreAccepted {
				accepted, err = s.o.Ledger.Received(ctx, p.accepted, callbacksStep)
				moreAccepted = len(accepted) == callbacksStep
			}
			if len(refused) == 0 && moreRefused && err == nil {
				refused, err = s.o.Ledger.NewestRefusals(ctx, p.refused, callbacksStep)
				moreRefused = len(refused) == callbacksStep
			}
			var a arrival
			switch {
			case err != nil:
			case len(accepted) == 0 && len(refused) == 0:
				return
			case len(refused) == 0 || len(accepted) > 0 && !accepted[0].At.Before(refused[0].ReceivedAt):
				c := accepted[0]
				accepted, p.accepted = accepted[1:], c.Seq
				a = arrival{At: c.At, Accepted: &c, Path: taskPath(store.Task{RequestID: c.RequestID})}
			default:
				c := refused[0]
				refused, p.refused = refused[1:], c.Seq
				a = arrival{At: c.ReceivedAt, Refused: &c}
			}
			a.Age, a.below = now.Sub(a.At), p
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}
