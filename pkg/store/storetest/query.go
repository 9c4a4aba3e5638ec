package storetest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var queryTests = []test{
	{"Tasks are found by their properties", tasksAreFound},
	{"Tasks are read in pages by number", pages},
	{"Samples are found only if they are asked for", samples},
	{"Info counts what is in the ledger", infoCounts},
	{"Tasks stops at the limit and when yield returns an error", limits},
}

func tasksAreFound(l ledger) {
	h := l.open()
	for i, prompt := range []string{"Count jobs", "count Ämter", "other"} {
		op := &store.Intend{Intent: store.Intent{Source: "dispatch", Prompt: prompt, Agent: []string{"operator", "core", "core"}[i], At: start.Add(time.Duration(i) * time.Hour)}}
		h.write(op)
		h.write(&store.Accept{Task: op.Number, RequestID: fmt.Sprintf("req_%d", i), At: start})
	}
	h.deliver("x", final("req_1", "x", ""))
	further := callback("x", final("req_1", "x", "again"))
	further.ReceivedAt = start.Add(time.Minute)
	h.write(&store.Deliver{Delivery: further})
	for name, test := range map[string]struct {
		query store.Query
		want  []string
	}{
		"all":                {store.Query{}, []string{"req_2", "req_1", "req_0"}},
		"open":               {store.Query{Open: true}, []string{"req_2", "req_0"}},
		"status":             {store.Query{Status: narada.StatusSuccess}, []string{"req_1"}},
		"no status":          {store.Query{Status: "moon"}, nil},
		"agent":              {store.Query{Agent: "core"}, []string{"req_2", "req_1"}},
		"source":             {store.Query{Source: "dispatch", Agent: "core"}, []string{"req_2", "req_1"}},
		"another source":     {store.Query{Source: "run"}, nil},
		"agent and open":     {store.Query{Agent: "core", Open: true}, []string{"req_2"}},
		"since":              {store.Query{Since: start.Add(30 * time.Minute)}, []string{"req_2", "req_1"}},
		"since that moment":  {store.Query{Since: start.Add(time.Hour)}, []string{"req_2", "req_1"}},
		"since and status":   {store.Query{Since: start.Add(90 * time.Minute), Status: narada.StatusSuccess}, nil},
		"since tomorrow":     {store.Query{Since: start.Add(24 * time.Hour)}, nil},
		"expression":         {store.Query{Grep: regexp.MustCompile("(?i)count")}, []string{"req_1", "req_0"}},
		"expression, one":    {store.Query{Grep: regexp.MustCompile("(?i)count"), Limit: 1}, []string{"req_1"}},
		"expression, of IDs": {store.Query{Grep: regexp.MustCompile("req_2")}, []string{"req_2"}},
		"heard":              {store.Query{Heard: start}, []string{"req_1"}},
		"heard of again":     {store.Query{Heard: start.Add(time.Second)}, []string{"req_1"}},
		"not heard":          {store.Query{Heard: start.Add(time.Hour)}, nil},
		"below":              {store.Query{Below: h.task("req_2").Number}, []string{"req_1", "req_0"}},
	} {
		l.same(name, test.want, h.ids(test.query))
	}
}

func samples(l ledger) {
	h := l.open()
	for i, source := range []string{"run", store.SourceTrigger} {
		op := &store.Intend{Intent: store.Intent{Source: source, At: start}}
		h.write(op)
		h.write(&store.Accept{Task: op.Number, RequestID: fmt.Sprintf("req_%d", i), At: start})
	}
	l.same("all", []string{"req_0"}, h.ids(store.Query{}))
	l.same("samples too", []string{"req_1", "req_0"}, h.ids(store.Query{Samples: true}))
	newest, ok, err := h.Newest(l.ctx())
	l.must(err)
	if !ok || newest.RequestID != "req_0" {
		l.Errorf("the newest task is %+v", newest)
	}
	if found := h.task("req_1"); found.Source != store.SourceTrigger {
		l.Errorf("%+v", found)
	}
}

func infoCounts(l ledger) {
	h := l.open()
	empty, err := h.Info(l.ctx())
	l.must(err)
	l.same("an empty ledger", store.Info{Engine: empty.Engine, Schema: empty.Schema, Location: empty.Location, Bytes: empty.Bytes}, empty)
	for i := range 3 {
		op := &store.Intend{Intent: store.Intent{Source: "dispatch", At: start.Add(time.Duration(i) * time.Hour)}}
		h.write(op)
		h.write(&store.Accept{Task: op.Number, RequestID: fmt.Sprintf("req_%d", i), At: start})
	}
	h.deliver("x", final("req_1", "x", ""))
	h.write(&store.Deliver{Delivery: callback("x", final("req_2", "x", "")), Forwarding: store.Forwarding{Listener: "a", Targets: []string{"http://127.0.0.1:1/"}}})
	info, err := h.Info(l.ctx())
	l.must(err)
	if info.Engine == "" || info.Schema < 1 || info.Location == "" || info.Bytes < 1 {
		l.Errorf("%+v", info)
	}
	l.same("a ledger with tasks", store.Info{
		Engine: info.Engine, Schema: info.Schema, Location: info.Location, Bytes: info.Bytes,
		Tasks: 3, Open: 1, Callbacks: 2, Waiting: 1, Oldest: start,
	}, info)
	if damages, err := h.Check(l.ctx()); damages != nil || err != nil {
		l.Errorf("damages %q, %v", damages, err)
	}
}

func pages(l ledger) {
	const size = 50
	h := l.open()
	var intents []*store.Intend
	for i := range 4*size + 7 {
		op := &store.Intend{Intent: intent(fmt.Sprint(i))}
		op.Ticket.Path, op.At = "", start.Add(time.Duration(i)*time.Second)
		op.Agent = []string{"operator", "core", "generalist"}[i%3]
		intents = append(intents, op)
	}
	h.write(opsOf(intents)...)
	var refusals []store.Op
	for i := 0; i < len(intents); i += 2 {
		refusals = append(refusals, &store.Refuse{Task: intents[i].Number, At: start})
	}
	h.write(refusals...)
	for name, q := range map[string]store.Query{
		"all": {}, "status": {Status: store.StatusRefused}, "agent": {Agent: "core"}, "open": {Open: true}, "since": {Since: start.Add(20 * time.Second)},
		"all of them": {Status: store.StatusRefused, Agent: "core", Since: start.Add(20 * time.Second)},
	} {
		all := h.tasks(q)
		if !slices.IsSortedFunc(all, func(a, b store.Task) int { return int(b.Number - a.Number) }) || len(all) < size/2 {
			l.Errorf("%s: %d tasks, not in their order", name, len(all))
		}
		var paged []store.Task
		for q.Limit = size; ; q.Below = paged[len(paged)-1].Number {
			page := h.tasks(q)
			if paged = append(paged, page...); len(page) < size {
				break
			}
		}
		l.same(name, all, paged)
	}
}

func limits(l ledger) {
	h := l.open()
	ops := make([]store.Op, 205)
	for i := range ops {
		ops[i] = &store.Intend{Intent: store.Intent{Source: "run", At: start}}
	}
	h.write(ops...)
	for limit, want := range map[int]int{0: 205, 1: 1, 100: 100, 103: 103, 200: 200, 1000: 205} {
		if got := len(h.tasks(store.Query{Limit: limit})); got != want {
			l.Errorf("limit %d: %d tasks", limit, got)
		}
	}
	stop, count := errors.New("stop"), 0
	err := h.Tasks(l.ctx(), store.Query{}, func(store.Task) error {
		if count%50 == 0 { // no read is open
			h.write(&store.Intend{Intent: store.Intent{Source: "run", At: start}})
		}
		if count++; count == 150 {
			return stop
		}
		return nil
	})
	if err != stop || count != 150 {
		l.Errorf("%d tasks, %v", count, err)
	}
}
