package ui

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// batchRow is a batch with how its lines stand.
type batchRow struct {
	Batch store.Batch
	Path  string
	Age   time.Duration
	Sent  int
	Done  int // lines with an outcome
	Parts []part
}

// part is the share of lines with one status.
type part struct {
	Status narada.Status
	Name   string
	Count  int
	X, W   float64 // of a bar that is 1000 wide
}

func (s *Server) newBatchRow(b store.Batch, t store.Tally) batchRow {
	row := batchRow{Batch: b, Path: "/batches/" + url.PathEscape(b.Name), Age: s.o.Now().Sub(b.BegunAt), Sent: t.Sent()}
	total := float64(max(b.Lines, row.Sent, 1))
	x := 0.0
	known := []narada.Status{narada.StatusSuccess, store.StatusMismatch, narada.StatusError, narada.StatusInputRequired, store.StatusRefused, store.StatusUnknown, narada.StatusPending, ""}
	for _, status := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(known, status) { // the cloud may have others
			known = append(known, status)
		}
	}
	for _, status := range known {
		count := t[status]
		if count == 0 {
			continue
		}
		name := string(status)
		if status == "" {
			name = "pruned"
		}
		w := 1000 * float64(count) / total
		row.Parts = append(row.Parts, part{Status: status, Name: name, Count: count, X: x, W: w})
		x += w
		if status != narada.StatusPending && status != store.StatusUnknown {
			row.Done += count
		}
	}
	return row
}

func (s *Server) batchesPage(r *http.Request) (page, error) {
	var rows []batchRow
	list, err := s.o.Ledger.BatchList(r.Context())
	for _, b := range list[:min(len(list), maxBatches)] {
		var t store.Tally
		if t, err = s.o.Ledger.Tally(r.Context(), b.Number); err != nil {
			break
		}
		rows = append(rows, s.newBatchRow(b, t))
	}
	return page{Template: "batches", Title: "Batches", Section: "batches", Body: rows}, err
}

// batchBody is a batch.
type batchBody struct {
	batchRow
	Credits  float64
	Finished []bar // by time
	Span     time.Duration
	Rate     float64 // lines per minute, since the first finished
	Lists    []taskList
}

// taskList is some tasks of a batch.
type taskList struct {
	ID    string
	Title string
	Rows  []row
	More  string // URL of all of them
}

// Limits of a batch's page.
const (
	batchBars = 60 // at most, of the chart
	batchRows = 20 // of each list
)

func (s *Server) batchPage(r *http.Request) (page, error) {
	ctx := r.Context()
	b, ok, err := s.o.Ledger.Batch(ctx, r.PathValue("name"))
	if err == nil && !ok {
		err = errNoSuch
	}
	if err != nil {
		return page{}, err
	}
	tally, err := s.o.Ledger.Tally(ctx, b.Number)
	if err != nil {
		return page{}, err
	}
	body := batchBody{batchRow: s.newBatchRow(b, tally)}
	if err := s.setPace(ctx, &body); err != nil {
		return page{}, err
	}
	err = s.addLists(ctx, &body, b)
	return page{Template: "batch", Title: "Batch " + line(b.Name, 60), Section: "batches", Body: body}, err
}

// setPace sets what finished when.
func (s *Server) setPace(ctx context.Context, body *batchBody) error {
	fine, err := s.o.Ledger.Pace(ctx, body.Batch.Number, time.Second)
	if err != nil || len(fine) == 0 {
		return err
	}
	first, last := fine[0].At, fine[len(fine)-1].At
	body.Span = niceSpan(last.Sub(first) / batchBars)
	bars := map[int64]*bar{}
	for _, p := range fine {
		body.Credits = store.Credits(store.Microcredits(body.Credits) + store.Microcredits(p.Credits))
		n := p.At.Sub(first.Truncate(body.Span)).Milliseconds() / body.Span.Milliseconds()
		if bars[n] == nil {
			bars[n] = &bar{At: first.Truncate(body.Span).Add(time.Duration(n) * body.Span)}
		}
		good := p.Tasks[narada.StatusSuccess]
		bars[n].Good += float64(good)
		bars[n].Bad += float64(p.Tasks.Sent() - good)
	}
	end := last.Sub(first.Truncate(body.Span)).Milliseconds() / body.Span.Milliseconds()
	for n := range end + 1 {
		if bars[n] == nil {
			bars[n] = &bar{At: first.Truncate(body.Span).Add(time.Duration(n) * body.Span)}
		}
		body.Finished = append(body.Finished, *bars[n])
	}
	layOut(body.Finished)
	body.Rate = float64(body.Done) / max(last.Sub(first).Minutes(), 1.0/60)
	return nil
}

// niceSpan returns the shortest span that a person would use and that is not shorter.
func niceSpan(least time.Duration) time.Duration {
	for _, span := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour} {
		if span >= least {
			return span
		}
	}
	return least.Truncate(24*time.Hour) + 24*time.Hour
}

// addLists adds the lines that failed, those in flight and the slowest.
func (s *Server) addLists(ctx context.Context, body *batchBody, b store.Batch) error {
	f := filter{Batch: b.Name}
	for _, list := range []struct {
		title  string
		status narada.Status
		query  store.Query
	}{
		{"Failed", narada.StatusError, store.Query{Status: narada.StatusError}},
		{"A person was asked", narada.StatusInputRequired, store.Query{Status: narada.StatusInputRequired}},
		{"Refused", store.StatusRefused, store.Query{Status: store.StatusRefused}},
		{"Unknown", store.StatusUnknown, store.Query{Status: store.StatusUnknown}},
		{"In flight", narada.StatusPending, store.Query{Status: narada.StatusPending}},
		{"Slowest", "", store.Query{Slowest: true}},
	} {
		q := list.query
		q.Batch, q.Limit = b.Number, batchRows
		one := taskList{ID: "lines-" + string(cmp.Or(list.status, "slowest")), Title: list.title}
		err := s.o.Ledger.Tasks(ctx, q, func(t store.Task) error {
			one.Rows = append(one.Rows, s.newRow(t))
			return nil
		})
		if err != nil {
			return err
		}
		if f.Status = string(list.status); len(one.Rows) == batchRows {
			one.More = f.url(0)
		}
		if len(one.Rows) > 0 {
			body.Lists = append(body.Lists, one)
		}
	}
	return nil
}

// usageBody is what tasks used.
type usageBody struct {
	By    history.UsageBy
	Since string
	Bys   []option
	Spans []option
	Rows  []usageRow
	Sum   store.Usage
	Bars  []bar
}

// usageRow is a day, an agent or a batch.
type usageRow struct {
	Name string
	store.Usage
	Share float64 // of the largest credits, 0 to 100
}

func (s *Server) usagePage(r *http.Request) (page, error) {
	body := usageBody{
		By: history.UsageBy(r.URL.Query().Get("by")), Since: r.URL.Query().Get("since"),
		Bys:   []option{{string(history.ByDay), "day"}, {string(history.ByAgent), "agent"}, {string(history.ByBatch), "batch"}},
		Spans: []option{{"7d", "last week"}, {"30d", "last month"}, {"365d", "last year"}, {"all", "all time"}},
	}
	if body.By == "" {
		body.By = history.ByDay
	}
	if body.Since == "" {
		body.Since = "30d"
	}
	since, err := sinceOf(body.Since, s.o.Now())
	if err != nil {
		return page{}, errNoSuch
	}
	list, err := history.Usage(r.Context(), s.o.Ledger, since, body.By, s.o.Zone)
	if err != nil {
		return page{}, err
	}
	most := 0.0
	for _, u := range list {
		most = max(most, u.Credits)
	}
	for _, u := range list {
		one := usageRow{Name: u.Name, Usage: u}
		if body.By == history.ByDay {
			one.Name = u.At.Format(time.DateOnly)
		}
		if most > 0 {
			one.Share = 100 * u.Credits / most
		}
		good := float64(u.Tasks[narada.StatusSuccess])
		body.Bars = append(body.Bars, bar{At: u.At, Label: one.Name, Good: good, Bad: float64(u.Tasks.Sent()) - good})
		body.Rows = append(body.Rows, one)
	}
	layOut(body.Bars)
	body.Sum = history.Sum(list...)
	return page{Template: "usage", Title: "Usage", Section: "usage", Body: body}, nil
}
