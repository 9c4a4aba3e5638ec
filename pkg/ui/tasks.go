package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Limits of a page of tasks.
const (
	tasksPerPage = 50
	maxBatches   = 100             // that a list names
	searchStep   = 500             // tasks read at once by a search
	searchTime   = 1 * time.Second // after which a search stops, and the next page goes on
)

// tasksBody is the list of tasks.
type tasksBody struct {
	ID       string // of the list
	Filter   filter
	Statuses []narada.Status
	Sources  []string
	Spans    []option
	Batches  []string
	Rows     []row
	Older    string // URL of the next page; "": this is the last one
	Newest   string // URL of the first page; "": this is it
	Searched string // how far a search came before it ran out of time; "": to the end
	Empty    bool   // nothing was ever dispatched
}

// option is a value of a field, with its name for people.
type option struct{ Value, Name string }

// filter is what selects tasks, from the URL.
type filter struct {
	Text, Status, Source, Since, Batch string

	below int64
}

func newFilter(values url.Values) (f filter) {
	f = filter{Text: strings.TrimSpace(values.Get("q")), Status: values.Get("status"), Source: values.Get("source"), Since: values.Get("since"), Batch: values.Get("batch")}
	f.below, _ = strconv.ParseInt(values.Get("below"), 10, 64)
	return f
}

// url returns the URL of the page of tasks below that number, 0 for the first one.
func (f filter) url(below int64) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": f.Text, "status": f.Status, "source": f.Source, "since": f.Since, "batch": f.Batch} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if below > 0 {
		values.Set("below", strconv.FormatInt(below, 10))
	}
	if len(values) == 0 {
		return "/tasks"
	}
	return "/tasks?" + values.Encode()
}

// Set reports whether tasks are left out.
func (f filter) Set() bool { return f.url(0) != "/tasks" }

// row is a task in a list.
type row struct {
	Task store.Task
	Name string // request ID, or #12
	Path string // of its page
	Age  time.Duration
	Took time.Duration // so far, of an open task
	By   string        // how the answer came
}

func (s *Server) newRow(t store.Task) row {
	now := s.o.Now()
	r := row{Task: t, Name: history.Name(t), Path: taskPath(t), Age: now.Sub(t.DispatchedAt), Took: t.Took, By: answeredBy(t)}
	if t.Open() {
		r.Took = r.Age
	}
	return r
}

// taskPath returns the path of the task's page.
func taskPath(t store.Task) string {
	return "/tasks/" + url.PathEscape(history.Name(t))
}

// answeredBy says how the newest status came.
func answeredBy(t store.Task) string {
	text := map[string]string{"callback": "callback", "poll": "polling"}[t.Way]
	elsewhere := t.Way == "callback" && t.TicketPath == "" && t.Source != store.SourceCallback // to an address that is not its own
	if text != "" && (elsewhere || t.Source == "dispatch") {
		text += " of another process" // than the one that sent it
	}
	switch t.Forwarded {
	case store.ForwardFailed:
		return text + ", not forwarded"
	case store.ForwardWaiting:
		return text + ", to be forwarded"
	}
	return text
}

func (s *Server) tasksPage(r *http.Request) (page, error) {
	f := newFilter(r.URL.Query())
	body := tasksBody{ID: "tasks", Filter: f, Statuses: statuses[:], Sources: sources[:],
		Spans: []option{{"1h", "last hour"}, {"24h", "last day"}, {"7d", "last week"}, {"30d", "last month"}}}
	ctx := r.Context()
	list, err := s.o.Ledger.BatchList(ctx)
	if err != nil {
		return page{}, err
	}
	for _, b := range list[:min(len(list), maxBatches)] {
		body.Batches = append(body.Batches, b.Name)
	}
	q := store.Query{Status: narada.Status(f.Status), Source: f.Source, Below: f.below, Limit: tasksPerPage + 1}
	if f.Since != "" {
		if q.Since, err = sinceOf(f.Since, s.o.Now()); err != nil {
			return page{}, err
		}
	}
	if f.Batch != "" {
		b, _, err := s.o.Ledger.Batch(ctx, f.Batch)
		if err != nil {
			return page{}, err
		}
		q.Batch = cmp.Or(b.Number, -1) // there is none of that name
	}
	tasks, reached, err := s.search(ctx, q, f.Text)
	if err != nil {
		return page{}, err
	}
	switch {
	case len(tasks) > tasksPerPage:
		tasks = tasks[:tasksPerPage]
		body.Older = f.url(tasks[len(tasks)-1].Number)
	case reached != nil:
		body.Older, body.Searched = f.url(reached.Number), reached.DispatchedAt.In(s.o.Zone).Format(time.DateTime)
	}
	for _, t := range tasks {
		body.Rows = append(body.Rows, s.newRow(t))
	}
	if f.below > 0 {
		body.Newest = f.url(0)
	}
	body.Empty = len(tasks) == 0 && !f.Set() && f.below == 0
	title := "Tasks"
	if f.Status != "" {
		title += ": " + line(f.Status, 20)
	}
	return page{Template: "tasks", Title: title, Section: "tasks", Body: body}, nil
}

// search returns the tasks that match and have the text in their prompt or request ID. If
// it takes too long, reached is the oldest task that was looked at.
func (s *Server) search(ctx context.Context, q store.Query, text string) (found []store.Task, reached *store.Task, err error) {
	limit := q.Limit
	if text == "" {
		err = s.o.Ledger.Tasks(ctx, q, func(t store.Task) error {
			found = append(found, t)
			return nil
		})
		return found, nil, err
	}
	enough := errors.New("enough")
	wanted := strings.ToLower(text)
	for began := time.Now(); ; {
		count := 0
		q.Limit = searchStep
		err = s.o.Ledger.Tasks(ctx, q, func(t store.Task) error {
			count++
			q.Below, reached = t.Number, &t
			if strings.Contains(strings.ToLower(t.Prompt), wanted) || strings.Contains(strings.ToLower(t.RequestID), wanted) {
				found = append(found, t)
			}
			if len(found) == limit {
				return enough
			}
			return nil
		})
		switch {
		case errors.Is(err, enough) || err == nil && count < searchStep:
			return found, nil, nil
		case err != nil:
			return nil, nil, err
		case time.Since(began) > searchTime:
			return found, reached, nil
		}
	}
}
