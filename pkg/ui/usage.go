package ui

import (
	"net/http"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// usageBody is what tasks used.
type usageBody struct {
	By     history.UsageBy
	Column string // title of the names
	Since  string
	Bys    []option
	Spans  []option
	Rows   []usageRow
	Sum    store.Usage
	Charts []*chart // of days
	Empty  bool     // nothing was ever dispatched
}

// usageRow is a day, an agent or a batch.
type usageRow struct {
	Name string
	store.Usage
	Parts []part
	Share float64 // of the largest credits, 0 to 1000
}

// maxDays is how many days a chart has at most.
const maxDays = 400

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
		return page{}, err
	}
	list, err := history.Usage(r.Context(), s.o.Ledger, since, body.By, s.o.Zone)
	if err != nil {
		return page{}, err
	}
	body.Column = map[history.UsageBy]string{history.ByDay: "Day", history.ByAgent: "Agent", history.ByBatch: "Batch"}[body.By]
	maxTasks, maxCredits := 1, 0.0
	for _, u := range list {
		maxTasks, maxCredits = max(maxTasks, u.Tasks.Sent()), max(maxCredits, u.Credits)
	}
	for _, u := range list {
		one := usageRow{Name: u.Name, Usage: u, Parts: partsOf(u.Tasks, maxTasks)}
		if body.By == history.ByDay {
			one.Name = u.At.Format(time.DateOnly)
		}
		if maxCredits > 0 {
			one.Share = 1000 * u.Credits / maxCredits
		}
		body.Rows = append(body.Rows, one)
	}
	if body.By == history.ByDay && len(list) > 0 {
		body.Charts = dayCharts(body.Rows)
	}
	body.Sum = history.Sum(list...)
	if body.Empty = len(list) == 0; body.Empty {
		err = s.o.Ledger.Tasks(r.Context(), store.Query{Limit: 1}, func(store.Task) error {
			body.Empty = false
			return nil
		})
	}
	return page{Template: "usage", Title: "Usage by " + string(body.By), Section: "usage", Body: body}, err
}

// dayCharts returns the charts of the newest days, those without a task too.
func dayCharts(rows []usageRow) []*chart {
	days := map[string]usageRow{}
	for _, row := range rows {
		days[row.Name] = row
	}
	var tasks, credits []bar
	day, _ := time.Parse(time.DateOnly, rows[len(rows)-1].Name)
	for label := rows[len(rows)-1].Name; label >= rows[0].Name && len(tasks) < maxDays; label = day.Format(time.DateOnly) {
		one := days[label]
		credits = append(credits, bar{Label: label, Good: one.Credits, Text: units.Count(one.Credits, "credit")})
		good := one.Tasks[narada.StatusSuccess]
		tasks = append(tasks, bar{Label: label})
		tasks[len(tasks)-1].count(good, one.Tasks.Sent()-good-unfinished(one.Tasks))
		day = day.AddDate(0, 0, -1)
	}
	slices.Reverse(tasks)
	slices.Reverse(credits)
	charts := []*chart{newChart("Tasks", tasks, counted("task"))}
	charts[0].Legend = true
	if c := newChart("Credits", credits, counted("credit")); c != nil && c.Max != "0 credits" {
		charts = append(charts, c)
	}
	return charts
}
