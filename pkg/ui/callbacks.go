package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// callbacksPerPage is how many callbacks of each kind a page lists.
const callbacksPerPage = 100

// callbacksBody is what came in.
type callbacksBody struct {
	Verdict string // accepted, refused, or "" for both
	Text    string
	Rows    []arrival
	Empty   bool
}

// arrival is a callback, accepted or refused.
type arrival struct {
	At       time.Time
	Age      time.Duration
	Accepted *store.Received
	Refused  *store.Refusal
	Path     string // of the task's page
}

// text returns what a filter looks at.
func (a arrival) text() string {
	if a.Accepted != nil {
		return a.Accepted.RequestID + " " + string(a.Accepted.Status)
	}
	return a.Refused.Path + " " + a.Refused.Reason
}

func (s *Server) callbacksPage(r *http.Request) (page, error) {
	body := callbacksBody{Verdict: r.URL.Query().Get("verdict"), Text: strings.TrimSpace(r.URL.Query().Get("q"))}
	rows, err := s.arrivals(r.Context(), body.Verdict)
	if err != nil {
		return page{}, err
	}
	body.Empty = len(rows) == 0
	wanted := strings.ToLower(body.Text)
	body.Rows = slices.DeleteFunc(rows, func(a arrival) bool { return !strings.Contains(strings.ToLower(a.text()), wanted) })
	return page{Template: "callbacks", Title: "Callbacks", Section: "callbacks", Body: body}, nil
}

// arrivals returns the newest callbacks with that verdict, "" for any, the newest first.
func (s *Server) arrivals(ctx context.Context, verdict string) (rows []arrival, err error) {
	now := s.o.Now()
	if verdict != "refused" {
		accepted, err := s.o.Ledger.Received(ctx, 0, callbacksPerPage)
		if err != nil {
			return nil, err
		}
		for _, c := range accepted {
			rows = append(rows, arrival{At: c.At, Age: now.Sub(c.At), Accepted: &c, Path: taskPath(store.Task{RequestID: c.RequestID})})
		}
	}
	if verdict != "accepted" {
		refused, err := s.o.Ledger.NewestRefusals(ctx, 0, callbacksPerPage)
		if err != nil {
			return nil, err
		}
		for _, c := range refused {
			rows = append(rows, arrival{At: c.ReceivedAt, Age: now.Sub(c.ReceivedAt), Refused: &c})
		}
	}
	slices.SortStableFunc(rows, func(a, b arrival) int { return b.At.Compare(a.At) })
	return rows[:min(len(rows), callbacksPerPage)], nil
}
