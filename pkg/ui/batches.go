package ui

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
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
	row.Parts = partsOf(t, max(b.Lines, row.Sent))
	row.Done = row.Sent - unfinished(t)
	return row
}

// unfinished is how many are not known to have finished.
func unfinished(t store.Tally) int { return t[narada.StatusPending] + t[store.StatusUnknown] }

// partsOf returns the shares of a total.
func partsOf(t store.Tally, total int) (parts []part) {
	known := []narada.Status{narada.StatusSuccess, store.StatusMismatch, narada.StatusError, narada.StatusInputRequired, store.StatusRefused, store.StatusUnknown, narada.StatusPending, ""}
	for _, status := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(known, status) { // the cloud may have others
			known = append(known, status)
		}
	}
	x := 0.0
	for _, status := range known {
		count := t[status]
		if count == 0 {
			continue
		}
		name := string(status)
		if status == "" {
			name = "pruned"
		}
		w := 1000 * float64(count) / float64(total)
		parts = append(parts, part{Status: status, Name: name, Count: count, X: x, W: w})
		x += w
	}
	return parts
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
	Finished *chart  // by time
	Rate     float64 // lines per minute, since the first finished
	Only     string  // title of the only list of lines that is shown; "": all are
	Lists    []lineList
}

// lineList is some lines of a batch.
type lineList struct {
	ID      string
	Title   string
	Reasons bool
	Rows    []lineRow
	More    string // URL of the next ones, or of all of them
}

// lineRow is a line of a batch with its newest task.
type lineRow struct {
	row
	Line   store.Item
	Status narada.Status // schema errors too
	Reason string        // why it has no valid answer
}

// Limits of a batch's page.
const (
	batchBars  = 60 // at most, of the chart
	batchLines = 20 // of each list
	maxReason  = 300
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
	if only := r.URL.Query().Get("lines"); only != "" {
		err = s.addList(ctx, &body, only, r.URL.Query().Get("after"))
	} else if err = s.setPace(ctx, &body); err == nil {
		err = s.addLists(ctx, &body, tally)
	}
	title := "Batch " + line(b.Name, 60)
	if body.Only != "" {
		title += ": " + body.Only
	}
	return page{Template: "batch", Title: title, Section: "batches", Body: body}, err
}

// setPace sets what finished when.
func (s *Server) setPace(ctx context.Context, body *batchBody) error {
	first, last, err := s.o.Ledger.FinishTimes(ctx, body.Batch.Number)
	if err != nil || first.IsZero() {
		return err
	}
	span := niceSpan(last.Sub(first) / batchBars)
	place := func(t time.Time) int64 { return t.UnixMilli() / span.Milliseconds() }
	begin := place(first)
	bars := make([]bar, place(last)-begin+1)
	for i := range bars {
		bars[i].Label = time.UnixMilli((begin + int64(i)) * span.Milliseconds()).UTC().Format(time.DateTime + " UTC")
		bars[i].count(0, 0)
	}
	list, err := s.o.Ledger.Pace(ctx, body.Batch.Number, span)
	for _, p := range list {
		body.Credits = store.Credits(store.Microcredits(body.Credits) + store.Microcredits(p.Credits))
		if n := place(p.At) - begin; n >= 0 && n < int64(len(bars)) { // others may have finished since
			good := p.Lines[narada.StatusSuccess]
			bars[n].count(good, p.Lines.Sent()-good)
		}
	}
	body.Finished = newChart("Finished, each "+units.Format(span), bars, counted("line"))
	body.Finished.Legend = true
	body.Rate = float64(body.Done) / max(last.Sub(first).Minutes(), 1.0/60)
	return err
}

// niceSpan returns the shortest span that a person would use and that is not shorter.
func niceSpan(shortest time.Duration) time.Duration {
	for _, span := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour} {
		if span >= shortest {
			return span
		}
	}
	return shortest.Truncate(24*time.Hour) + 24*time.Hour
}

// lineLists are the lists of a batch's lines.
var lineLists = [...]struct {
	name, title string
	query       store.LineQuery
}{
	{"failed", "Did not succeed", store.LineQuery{Failed: true}},
	{"open", "In flight", store.LineQuery{Open: true}},
	{"slowest", "Slowest", store.LineQuery{Slowest: true}},
}

// addLists adds the first lines of each list, except those that the tally has none of.
func (s *Server) addLists(ctx context.Context, body *batchBody, tally store.Tally) error {
	open := unfinished(tally)
	asked := tally[narada.StatusInputRequired] // finished or not
	has := map[string]bool{"open": open+asked > 0, "failed": tally.Sent() > open+tally[narada.StatusSuccess]+tally[""], "slowest": true}
	for _, list := range lineLists {
		if !has[list.name] {
			continue
		}
		list.query.Batch, list.query.Limit = body.Batch.Number, batchLines
		one, err := s.lines(ctx, list.name, list.title, list.query)
		if err != nil {
			return err
		}
		if len(one.Rows) == batchLines {
			one.More = body.Path + "?lines=" + list.name
		}
		if len(one.Rows) > 0 {
			body.Lists = append(body.Lists, one)
		}
	}
	return nil
}

// addList adds the list of that name, after a line.
func (s *Server) addList(ctx context.Context, body *batchBody, name, after string) error {
	for _, list := range lineLists {
		if list.name != name {
			continue
		}
		q := list.query
		q.Batch, q.Limit = body.Batch.Number, tasksPerPage
		q.After, _ = strconv.Atoi(after)
		one, err := s.lines(ctx, list.name, list.title, q)
		if n := len(one.Rows); n == tasksPerPage && !q.Slowest {
			one.More = body.Path + "?lines=" + name + "&after=" + strconv.Itoa(one.Rows[n-1].Line.Line)
		}
		body.Only, body.Lists = list.title, []lineList{one}
		return err
	}
	return errNoSuch
}

func (s *Server) lines(ctx context.Context, name, title string, q store.LineQuery) (lineList, error) {
	list := lineList{ID: "lines-" + name, Title: title}
	items, err := s.o.Ledger.Lines(ctx, q)
	for _, i := range items {
		one := lineRow{row: s.newRow(i.Task), Line: i.Item, Status: i.Task.Status}
		if i.Mismatch != "" && one.Status == narada.StatusSuccess {
			one.Status = store.StatusMismatch
		}
		if one.Reason, err = s.reason(ctx, i); err != nil {
			break
		}
		list.Reasons = list.Reasons || one.Reason != "" && !q.Slowest
		list.Rows = append(list.Rows, one)
	}
	return list, err
}

// reason returns why a line has no valid answer, or "".
func (s *Server) reason(ctx context.Context, i store.ItemTask) (string, error) {
	t := i.Task
	switch {
	case t.Failure != "":
		return line(t.Failure, maxReason), nil
	case t.Status == store.StatusUnknown:
		return "it is not known whether the API accepted it", nil
	case t.Open():
		return "", nil
	case t.Status == narada.StatusSuccess:
		return line(strings.Join(store.ParseMismatch(i.Mismatch).All(), "; "), maxReason), nil
	}
	if text, known := s.reasons[t.Number]; known {
		return text, nil
	}
	result, err := s.o.Ledger.Final(ctx, t) // may be large
	if err != nil || result == nil {
		return "", err
	}
	if len(s.reasons) >= maxReasons {
		clear(s.reasons)
	}
	s.reasons[t.Number] = line(result.Text(), maxReason)
	return s.reasons[t.Number], nil
}

// maxReasons is how many answers' beginnings are remembered, which the page shows again each
// time that the ledger changes.
const maxReasons = 1000
