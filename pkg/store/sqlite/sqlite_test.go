package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) {
	// database/sql ends its goroutine a moment after Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var (
	ctx   = context.Background()
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func open(t testing.TB, dir string) *Store { return openWith(t, dir, Options{}) }

func openWith(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	l, err := Open(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ticket is the one that is called name.
func ticket(name string) webhook.Ticket {
	return webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer header-of-" + name}}, Secret: "secret-of-" + name}
}

// callback is what the cloud sends for the ticket.
func callback(t testing.TB, tk webhook.Ticket, body string) webhook.Delivery {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": tk.Header["Authorization"]}
	r, err := webhook.Verify(tk, header, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Delivery{Ticket: tk, Result: r, Body: []byte(body), ReceivedAt: start, Header: header}
}

// final and phase are bodies of callbacks.
func final(id string, tk webhook.Ticket, text string) string {
	return fmt.Sprintf(`{"requestId":%q, "status":"success","response":{"text":%q},"createdAt":"2026-01-02T03:04:00Z","completedAt":"2026-01-02T03:04:04.5Z","secret":%q}`, id, text, tk.Secret)
}

func phase(id string, tk webhook.Ticket) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"input-required","completedAt":null,"secret":%q}`, id, tk.Secret)
}

func deliver(t testing.TB, l *Store, tk webhook.Ticket, body string) (isNew bool) {
	t.Helper()
	isNew, err := l.Store(ctx, callback(t, tk, body), store.Forwarding{})
	if err != nil {
		t.Fatal(err)
	}
	return isNew
}

// intend is a task that is about to be sent, with the ticket.
func intend(t testing.TB, l *Store, tk webhook.Ticket, prompt string) (number int64) {
	t.Helper()
	numbers, err := l.Intend(ctx, []store.Intent{{Source: "run", Cloud: "https://api.example.com", Prompt: prompt, Body: json.RawMessage(`{"prompt":"` + prompt + `"}`), Ticket: tk, At: start}})
	if err != nil {
		t.Fatal(err)
	}
	return numbers[0]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func tasks(t testing.TB, l *Store, q store.Query) []store.Task {
	t.Helper()
	must(t, l.file(ctx))
	var list []store.Task
	must(t, l.Tasks(ctx, q, func(task store.Task) error {
		list = append(list, task)
		return nil
	}))
	return list
}

func theTask(t testing.TB, l *Store, id string) store.Task {
	t.Helper()
	must(t, l.file(ctx))
	task, ok, err := l.Task(ctx, id)
	if err != nil || !ok {
		t.Fatalf("%s: found %v, %v", id, ok, err)
	}
	return task
}

func countDeliveries(t testing.TB, l *Store) (n int) {
	t.Helper()
	must(t, l.read.QueryRow("SELECT count(*) FROM deliveries").Scan(&n))
	return n
}

func TestTheFilesAreTheUsersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "narada")
	l := open(t, dir)
	intend(t, l, ticket("a"), "p")
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	info, err := os.Stat(dir)
	must(t, err)
	if len(entries) < 3 || info.Mode().Perm() != 0o700 {
		t.Errorf("%d files in a folder with mode %v", len(entries), info.Mode())
	}
}

func TestATaskFromIntentToCallback(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	tk := ticket("a")
	number := intend(t, l, tk, "count")
	want := store.Task{Number: number, Source: "run", Cloud: "https://api.example.com", Prompt: "count", Status: store.StatusUnknown, DispatchedAt: start, TicketPath: tk.Path}
	check := func(when string) {
		t.Helper()
		got := tasks(t, l, store.Query{})
		if diff := cmp.Diff([]store.Task{want}, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check("intended")
	must(t, l.Accepted(ctx, number, "req_1"))
	want.RequestID, want.Status = "req_1", narada.StatusPending
	check("accepted")
	deliver(t, l, tk, phase("req_1", tk))
	want.Status, want.Way = narada.StatusInputRequired, "callback"
	check("a phase")
	deliver(t, l, tk, final("req_1", tk, "42"))
	want.Status, want.FinishedAt, want.Took = narada.StatusSuccess, start, 4500*time.Millisecond
	check("finished")

	r, err := l.Final(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if r.Text() != "42" {
		t.Errorf("the text is %q", r.Text())
	}
	body, err := l.Request(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if string(body) != `{"prompt":"count"}` {
		t.Errorf("the request is %s", body)
	}
}

func TestACallbackProvesWhatTheDispatchDidNotTell(t *testing.T) {
	l := open(t, t.TempDir())
	tk := ticket("a")
	intend(t, l, tk, "lost")
	deliver(t, l, tk, final("req_1", tk, "42"))
	if task := theTask(t, l, "req_1"); task.Prompt != "lost" || task.Open() {
		t.Errorf("got %+v", task)
	}
}

// The cloud may accept one request twice. Each task is told of by its own
// callbacks, in whichever order they and the dispatch's answer come.
func TestATaskThatWasAcceptedTwice(t *testing.T) {
	tk := ticket("a")
	accept := func(l *Store, number int64) { must(t, l.Accepted(ctx, number, "req_told")) }
	own := func(l *Store, _ int64) { deliver(t, l, tk, final("req_told", tk, "told")) }
	other := func(l *Store, _ int64) { deliver(t, l, tk, final("req_other", tk, "other")) }
	file := func(l *Store, _ int64) { must(t, l.file(ctx)) }
	type step = func(*Store, int64)
	for name, steps := range map[string][]step{
		"the answer first":             {accept, other, own},
		"the answer first, filed":      {accept, other, file, own},
		"its own callback first":       {own, accept, other},
		"its own, the other":           {own, other, accept},
		"its own, the other, filed":    {own, other, file, accept},
		"the answer, its own callback": {accept, own, other},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			number := intend(t, l, tk, "p")
			for _, step := range steps {
				step(l, number)
			}
			for id, source := range map[string]string{"req_told": "run", "req_other": "callback"} {
				task := theTask(t, l, id)
				r, err := l.Final(ctx, task)
				must(t, err)
				if task.Source != source || task.Prompt != "p" || task.Open() || r.Text() != strings.TrimPrefix(id, "req_") {
					t.Errorf("%s: %+v with %q", id, task, r.Text())
				}
			}
			if _, err := l.Prune(ctx, store.Limits{Keep: 1, Before: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if n := countDeliveries(t, l); n != 0 {
				t.Errorf("%d callbacks are left", n)
			}
		})
	}
}

// The first task of a request proves itself by its callback; what the dispatch
// tells of the second does not change it.
func TestTheSecondTaskOfARequest(t *testing.T) {
	l, tk := open(t, t.TempDir()), ticket("a")
	number := intend(t, l, tk, "p")
	deliver(t, l, tk, phase("req_first", tk))
	deliver(t, l, tk, phase("req_second", tk))
	must(t, l.file(ctx))
	must(t, l.Accepted(ctx, number, "req_second"))
	must(t, l.AcceptedTwice(ctx, number, "req_second"))
	deliver(t, l, tk, final("req_second", tk, "second"))
	if task := theTask(t, l, "req_first"); !task.Open() || task.Number != number {
		t.Errorf("the first is %+v", task)
	}
	if task := theTask(t, l, "req_second"); task.Open() || task.Source != "run" || task.Prompt != "p" {
		t.Errorf("the second is %+v", task)
	}
}

func TestPollsAndRefusalsEndTasks(t *testing.T) {
	l := open(t, t.TempDir())
	polled, refused := intend(t, l, ticket("a"), "polled"), intend(t, l, ticket("b"), "refused")
	must(t, l.Accepted(ctx, polled, "req_1"))
	must(t, l.Refused(ctx, refused, "", start))
	deliver(t, l, ticket("a"), phase("req_1", ticket("a")))
	r, err := narada.ParseResult([]byte(`{"requestId":"req_1","status":"error","response":{"text":"no"},"completedAt":"2026-01-02T03:04:05Z"}`))
	must(t, err)
	must(t, l.Polled(ctx, r, start))
	if task := theTask(t, l, "req_1"); task.Way != "poll" || task.Status != narada.StatusError || task.Open() {
		t.Errorf("got %+v", task)
	}
	kept, err := l.Final(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if kept.Text() != "no" {
		t.Errorf("the text is %q", kept.Text())
	}
	if open := tasks(t, l, store.Query{Open: true}); len(open) != 0 {
		t.Errorf("open: %+v", open)
	}
	// Neither an unknown task nor a late poll changes anything.
	stranger, err := narada.ParseResult([]byte(`{"requestId":"req_2","status":"success","completedAt":"2026-01-02T03:04:05Z"}`))
	must(t, err)
	must(t, l.Polled(ctx, stranger, start))
	if got := tasks(t, l, store.Query{}); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestTasksOfElsewhereAreFiled(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	shared := ticket("shared")
	deliver(t, l, shared, phase("req_1", shared))
	deliver(t, l, shared, final("req_1", shared, "42"))
	deliver(t, l, shared, phase("req_2", shared))
	got := tasks(t, l, store.Query{})
	want := []store.Task{
		{Number: 2, RequestID: "req_2", Source: "callback", Status: narada.StatusInputRequired, Way: "callback", DispatchedAt: start},
		{Number: 1, RequestID: "req_1", Source: "callback", Status: narada.StatusSuccess, Way: "callback", DispatchedAt: start, FinishedAt: start, Took: 4500 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// One that turns out to be ours, since the dispatch's answer came late.
	number := intend(t, l, webhook.Ticket{}, "ours")
	must(t, l.Accepted(ctx, number, "req_1"))
	if task := theTask(t, l, "req_1"); task.Prompt != "ours" || task.Status != narada.StatusSuccess || task.Open() {
		t.Errorf("got %+v", task)
	}
	if got := tasks(t, l, store.Query{}); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestRepeatsAndFurtherCallbacks(t *testing.T) {
	var mu sync.Mutex
	var told []store.Entry
	dir := t.TempDir()
	l := openWith(t, dir, Options{Stored: func(e store.Entry) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e)
	}})
	tk := ticket("a")
	for i, step := range []struct {
		body           string
		isNew, further bool
	}{
		{phase("req_1", tk), true, false},
		{phase("req_1", tk), false, false},
		{final("req_1", tk, "42"), true, false},
		{final("req_1", tk, "42"), false, false},
		{final("req_1", tk, "43"), true, true},
		{final("req_2", tk, "42"), true, false},
	} {
		before := len(told)
		if isNew := deliver(t, l, tk, step.body); isNew != step.isNew {
			t.Errorf("step %d: new is %v", i, isNew)
		}
		if n := len(told) - before; (n == 1) != step.isNew {
			t.Errorf("step %d: told of %d", i, n)
		}
		if step.isNew && told[len(told)-1].Further != step.further {
			t.Errorf("step %d: further is not %v", i, step.further)
		}
	}
	// Another process, and this one after a start, know it too.
	other := open(t, dir)
	if deliver(t, other, tk, final("req_1", tk, "42")) {
		t.Error("another process took a repeat for new")
	}
}

func TestTwoOfAKindInOneGroup(t *testing.T) {
	l := open(t, t.TempDir())
	tk := ticket("a")
	const n = 100
	var stored sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for range n {
		stored.Go(func() {
			isNew, err := l.Store(ctx, callback(t, tk, final("req_1", tk, "42")), store.Forwarding{})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if isNew {
				fresh++
			}
		})
	}
	stored.Wait()
	list, err := l.Deliveries(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if fresh != 1 || len(list) != 1 {
		t.Errorf("%d were new, %d are there", fresh, len(list))
	}
}

func TestAnyProcessKnowsTheTickets(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	tk := ticket("a")
	intend(t, l, tk, "p")
	check := func(by *Store, when string) {
		t.Helper()
		got, ok, err := by.Ticket(ctx, tk.Path)
		must(t, err)
		if !ok {
			t.Fatalf("%s: the ticket is not known", when)
		}
		d := callback(t, tk, final("req_1", tk, "42"))
		if _, err := webhook.Verify(got, d.Header, d.Body); err != nil {
			t.Errorf("%s: what shows it is refused: %v", when, err)
		}
		d.Header.Set("Authorization", "Bearer guess")
		if _, err := webhook.Verify(got, d.Header, d.Body); err != webhook.ErrHeader {
			t.Errorf("%s: what does not show it: %v", when, err)
		}
	}
	check(other, "before")
	deliver(t, other, tk, final("req_1", tk, "42"))
	check(open(t, dir), "after the end")
	if _, ok, _ := l.Ticket(ctx, "/narada/other"); ok {
		t.Error("a ticket that nobody has issued is good")
	}
}

func TestFollowSeesWhatOthersStore(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	tk := ticket("a")
	deliver(t, other, tk, final("req_0", tk, "before"))
	after, err := l.Last(ctx)
	must(t, err)
	follow, stop := context.WithCancel(ctx)
	defer stop()
	seen := make(chan string)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range l.Follow(follow, after) {
			if err != nil {
				t.Error(err)
			}
			seen <- e.Path + " " + e.Result.RequestID + " " + e.Result.Text()
		}
	}()
	for i, by := range []*Store{other, l, other} {
		id := fmt.Sprintf("req_%d", i+1)
		deliver(t, by, tk, final(id, tk, "after"))
		if got := <-seen; got != "/narada/a "+id+" after" {
			t.Errorf("saw %s", got)
		}
	}
	stop()
	<-ended
}

func TestFollowOthersSeesThoseOfOthersAlone(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	tk := ticket("a")
	follow, stop := context.WithCancel(ctx)
	seen := make(chan string, 1000)
	var following sync.WaitGroup
	following.Go(func() {
		for e, err := range l.FollowOthers(follow, 0) {
			if err != nil {
				t.Error(err)
			}
			seen <- e.Result.RequestID
		}
	})
	for l.own.mu.Lock(); !l.own.collecting; l.own.mu.Lock() {
		l.own.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	l.own.mu.Unlock()
	time.Sleep(2 * followInterval) // whatever it looks at first
	for i := range 100 {
		deliver(t, l, tk, final(fmt.Sprint("req_own_", i), tk, "own"))
		if i%10 == 0 {
			deliver(t, other, tk, final(fmt.Sprint("req_other_", i), tk, "other"))
		}
	}
	own := 0
	for others := 0; others < 10; {
		if strings.HasPrefix(<-seen, "req_other") {
			others++
		} else {
			own++
		}
	}
	stop()
	following.Wait()
	if own > 10 { // those that it sees before they are noted
		t.Errorf("%d of our own were seen", own)
	}
}

func TestTasksAreFound(t *testing.T) {
	l := open(t, t.TempDir())
	for i, prompt := range []string{"Count jobs", "count Ämter", "other"} {
		numbers, err := l.Intend(ctx, []store.Intent{{Source: "dispatch", Prompt: prompt, At: start.Add(time.Duration(i) * time.Hour)}})
		must(t, err)
		must(t, l.Accepted(ctx, numbers[0], fmt.Sprintf("req_%d", i)))
	}
	deliver(t, l, ticket("x"), final("req_1", ticket("x"), ""))
	further := callback(t, ticket("x"), final("req_1", ticket("x"), "again"))
	further.ReceivedAt = start.Add(time.Minute)
	must(t, l.Deliver(ctx, further))
	tests := map[string]struct {
		query store.Query
		want  string
	}{
		"all":     {store.Query{}, "req_2 req_1 req_0"},
		"limit":   {store.Query{Limit: 2}, "req_2 req_1"},
		"open":    {store.Query{Open: true}, "req_2 req_0"},
		"status":  {store.Query{Status: narada.StatusSuccess}, "req_1"},
		"since":   {store.Query{Since: start.Add(30 * time.Minute)}, "req_2 req_1"},
		"grep":    {store.Query{Grep: regexp.MustCompile("(?i)count")}, "req_1 req_0"},
		"grep ID": {store.Query{Grep: regexp.MustCompile("req_2")}, "req_2"},
		"heard":   {store.Query{Heard: start}, "req_1"},
		"again":   {store.Query{Heard: start.Add(time.Second)}, "req_1"},
		"later":   {store.Query{Heard: start.Add(time.Hour)}, ""},
		"nothing": {store.Query{Status: "moon"}, ""},
	}
	for name, test := range tests {
		var ids []string
		for _, task := range tasks(t, l, test.query) {
			ids = append(ids, task.RequestID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	newest, ok, err := l.Newest(ctx)
	must(t, err)
	if !ok || newest.RequestID != "req_2" {
		t.Errorf("the newest is %+v", newest)
	}
}

// What one of a group cannot do, the others can all the same.
func TestOneOfAGroupFails(t *testing.T) {
	l := open(t, t.TempDir())
	a, b := ticket("a"), ticket("b")
	number := intend(t, l, a, "p")
	wrong := errors.New("wrong")
	group := []*write{
		{do: func(tx transaction) error { return tx.name(number, "req_1") }},
		{do: func(tx transaction) error {
			if _, err := tx.exec("DELETE FROM tasks"); err != nil {
				return err
			}
			return wrong
		}},
	}
	for _, one := range group {
		one.done = make(chan error, 1)
	}
	l.writer.commit(group)
	if first, second := <-group[0].done, <-group[1].done; first != nil || !errors.Is(second, wrong) {
		t.Errorf("got %v and %v", first, second)
	}
	if task := theTask(t, l, "req_1"); task.Number != number {
		t.Errorf("got %+v", task)
	}
	deliver(t, l, b, final("req_2", b, "42"))
}

// Whoever prints slowly holds nobody up, and gets all.
func TestTasksAreReadInPages(t *testing.T) {
	l := open(t, t.TempDir())
	_, err := l.Intend(ctx, make([]store.Intent, 2*taskPage+5))
	must(t, err)
	for limit, want := range map[int]int{0: 2*taskPage + 5, taskPage + 3: taskPage + 3, 2 * taskPage: 2 * taskPage, 7: 7} {
		count, last := 0, int64(2*taskPage+6)
		must(t, l.Tasks(ctx, store.Query{Limit: limit}, func(task store.Task) error {
			if task.Number != last-1 {
				t.Errorf("%d comes after %d", task.Number, last)
			}
			if blocked, err := l.emptyLog(ctx); count == 0 && (blocked || err != nil) {
				t.Errorf("blocked: %v, %v", blocked, err)
			}
			count, last = count+1, task.Number
			return nil
		}))
		if count != want {
			t.Errorf("limit %d: %d tasks, want %d", limit, count, want)
		}
	}
}

func TestRefusedCallbacksAreBounded(t *testing.T) {
	l := open(t, t.TempDir())
	tk := ticket("a")
	number := intend(t, l, tk, "p")
	must(t, l.Accepted(ctx, number, "req_1"))
	r := store.Refusal{ReceivedAt: start, StatusCode: 401, Reason: "wrong secret", Size: 7, Header: http.Header{"Authorization": {"Bearer guess"}, "X-A": {"b"}}}
	for range mostRefusals + 5 {
		l.Refuse(tk.Path, r)
	}
	l.Refuse("/narada/unknown", r)
	list, err := l.Refusals(ctx, theTask(t, l, "req_1"))
	must(t, err)
	r.Header = http.Header{"Authorization": {"***"}, "X-A": {"b"}}
	if len(list) != mostRefusals || cmp.Diff(r, list[0]) != "" {
		t.Errorf("%d are kept: %s", len(list), cmp.Diff(r, list[0]))
	}
	r.Header = http.Header{"X-A": {strings.Repeat("b", mostRefusedHeader)}}
	l.Refuse(tk.Path, r)
	list, err = l.Refusals(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if last := list[len(list)-1]; len(last.Header) > 0 {
		t.Error("a header of that size is kept")
	}
}

// Another process files and prunes: what was filed stays so.
func TestWhatIsFiledStaysSo(t *testing.T) {
	l := open(t, t.TempDir())
	for i := range 3 {
		deliver(t, l, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), "42"))
	}
	must(t, l.file(ctx))
	must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
		if _, err := tx.exec("DELETE FROM deliveries WHERE seq > 1"); err != nil {
			return err
		}
		return fileSome(tx)
	}}))
	var filed int64
	must(t, l.read.QueryRow("SELECT seq FROM filed").Scan(&filed))
	if filed != 3 {
		t.Errorf("filed up to %d, and it was 3", filed)
	}
	deliver(t, l, ticket("a"), final("req_4", ticket("a"), "42"))
	if last, err := l.Last(ctx); err != nil || last != 4 {
		t.Errorf("the next has the number %d, %v", last, err)
	}
}
