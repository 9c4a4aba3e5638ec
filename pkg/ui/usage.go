package ui

import (
	"net/http"
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
		return page{}, errNoSuch
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
	return page{Template: "usage", Title: "Usage by " + string(body.By), Section: "usage", Body: body}, nil
}

// dayCharts returns the charts of days, those without a task too.
func dayCharts(rows []usageRow) []*chart {
	var tasks, credits []bar
	for _, day := range rows {
		for n := len(tasks); n > 0 && n < maxDays && tasks[n-1].Label < day.Name; n = len(tasks) {
			before, _ := time.Parse(time.DateOnly, tasks[n-1].Label)
			next := bar{Label: before.AddDate(0, 0, 1).Format(time.DateOnly)}
			if next.Label == day.Name {
				break
			}
			credits = append(credits, next)
			next.count(0, 0)
			tasks = append(tasks, next)
		}
		one := bar{Label: day.Name, Good: day.Credits, Text: units.Count(day.Credits, "credit")}
		credits = append(credits, one)
		good := day.Tasks[narada.StatusSuccess]
		one.count(good, day.Tasks.Sent()-good-unfinished(day.Tasks))
		tasks = append(tasks, one)
	}
	tasks, credits = tasks[max(0, len(tasks)-maxDays):], credits[max(0, len(credits)-maxDays):]
	charts := []*chart{newChart("Tasks", tasks, counted("task"))}
	charts[0].Legend = true
	if c := newChart("Credits", credits, counted("credit")); c != nil && c.Max != "0 credits" {
		charts = append(charts, c)
	}
	return charts
}
