package ledger

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
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

func open(t testing.TB, dir string) *Ledger { return openWith(t, dir, Options{}) }

func openWith(t testing.TB, dir string, o Options) *Ledger {
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

func deliver(t testing.TB, l *Ledger, tk webhook.Ticket, body string) (isNew bool) {
	t.Helper()
	isNew, err := l.Store(ctx, callback(t, tk, body))
	if err != nil {
		t.Fatal(err)
	}
	return isNew
}

// intend is a task that is about to be sent, with the ticket.
func intend(t testing.TB, l *Ledger, tk webhook.Ticket, prompt string) (number int64) {
	t.Helper()
	numbers, err := l.Intend(ctx, []Intent{{Source: "run", Cloud: "https://api.example.com", Prompt: prompt, Body: json.RawMessage(`{"prompt":"` + prompt + `"}`), Ticket: tk, At: start}})
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

func tasks(t testing.TB, l *Ledger, q Query) []Task {
	t.Helper()
	must(t, l.file(ctx))
	var list []Task
	must(t, l.Tasks(ctx, q, func(task Task) error {
		list = append(list, task)
		return nil
	}))
	return list
}

func theTask(t testing.TB, l *Ledger, id string) Task {
	t.Helper()
	must(t, l.file(ctx))
	task, ok, err := l.Task(ctx, id)
	if err != nil || !ok {
		t.Fatalf("%s: found %v, %v", id, ok, err)
	}
	return task
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
	want := Task{Number: number, Source: "run", Cloud: "https://api.example.com", Prompt: "count", Status: StatusUnknown, DispatchedAt: start}
	check := func(when string) {
		t.Helper()
		got := tasks(t, l, Query{})
		if diff := cmp.Diff([]Task{want}, got, cmpopts.IgnoreUnexported(Task{})); diff != "" {
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

func TestPollsAndRefusalsEndTasks(t *testing.T) {
	l := open(t, t.TempDir())
	polled, refused := intend(t, l, ticket("a"), "polled"), intend(t, l, ticket("b"), "refused")
	must(t, l.Accepted(ctx, polled, "req_1"))
	must(t, l.Refused(ctx, refused, start))
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
	if open := tasks(t, l, Query{Open: true}); len(open) != 0 {
		t.Errorf("open: %+v", open)
	}
	// Neither an unknown task nor a late poll changes anything.
	stranger, err := narada.ParseResult([]byte(`{"requestId":"req_2","status":"success","completedAt":"2026-01-02T03:04:05Z"}`))
	must(t, err)
	must(t, l.Polled(ctx, stranger, start))
	if got := tasks(t, l, Query{}); len(got) != 2 {
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
	got := tasks(t, l, Query{})
	want := []Task{
		{Number: 2, RequestID: "req_2", Source: "callback", Status: narada.StatusInputRequired, Way: "callback", DispatchedAt: start},
		{Number: 1, RequestID: "req_1", Source: "callback", Status: narada.StatusSuccess, Way: "callback", DispatchedAt: start, FinishedAt: start, Took: 4500 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Task{})); diff != "" {
		t.Error(diff)
	}
	// One that turns out to be ours, since the dispatch's answer came late.
	number := intend(t, l, webhook.Ticket{}, "ours")
	must(t, l.Accepted(ctx, number, "req_1"))
	if task := theTask(t, l, "req_1"); task.Prompt != "ours" || task.Status != narada.StatusSuccess || task.Open() {
		t.Errorf("got %+v", task)
	}
	if got := tasks(t, l, Query{}); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestRepeatsAndFurtherCallbacks(t *testing.T) {
	var mu sync.Mutex
	var told []Entry
	dir := t.TempDir()
	l := openWith(t, dir, Options{Stored: func(e Entry) {
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
			isNew, err := l.Store(ctx, callback(t, tk, final("req_1", tk, "42")))
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

func TestSecretsGoWithTheEnd(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{})
	must(t, err)
	tk, shared := ticket("a"), ticket("shared")
	number := intend(t, l, tk, "p")
	must(t, l.Accepted(ctx, number, "req_1"))
	deliver(t, l, tk, phase("req_1", tk))
	deliver(t, l, shared, phase("req_2", shared))
	before, err := l.Deliveries(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if string(before[0].Body) != phase("req_1", tk) {
		t.Errorf("a callback of an open task is kept as %s", before[0].Body)
	}
	deliver(t, l, tk, final("req_1", tk, "42"))
	deliver(t, l, shared, final("req_2", shared, "42"))
	deliver(t, l, tk, strings.Replace(phase("req_1", tk), "input-required", "error", 1)) // late
	after, err := l.Deliveries(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if want := strings.Replace(final("req_1", tk, "42"), `"`+tk.Secret+`"`, "null", 1); string(after[1].Body) != want {
		t.Errorf("got %s, want %s", after[1].Body, want)
	}
	if got := after[0].Header.Get("Authorization"); got != "***" {
		t.Errorf("the header is kept as %q", got)
	}
	must(t, l.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		for _, secret := range []string{"secret-of", "header-of"} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s still has %q in it", filepath.Base(file), secret)
			}
		}
	}
}

// The log of a process that goes on has no secrets for longer than a moment.
func TestSecretsGoFromTheLogToo(t *testing.T) {
	dir := t.TempDir()
	l, tk := open(t, dir), ticket("a")
	deliver(t, l, tk, phase("req_1", tk))
	deliver(t, l, tk, final("req_1", tk, "42"))
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		must(t, err)
		found := ""
		for _, file := range files {
			content, err := os.ReadFile(file)
			must(t, err)
			if bytes.Contains(content, []byte(tk.Secret)) {
				found = file
			}
		}
		if found == "" {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("%s still has the secret", found)
		}
	}
}

func TestAnyProcessKnowsTheTickets(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	tk := ticket("a")
	intend(t, l, tk, "p")
	check := func(by *Ledger, when string) {
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
	for i, by := range []*Ledger{other, l, other} {
		id := fmt.Sprintf("req_%d", i+1)
		deliver(t, by, tk, final(id, tk, "after"))
		if got := <-seen; got != "/narada/a "+id+" after" {
			t.Errorf("saw %s", got)
		}
	}
	stop()
	<-ended
}

func TestTasksAreFound(t *testing.T) {
	l := open(t, t.TempDir())
	for i, prompt := range []string{"Count jobs", "count Ämter", "other"} {
		numbers, err := l.Intend(ctx, []Intent{{Source: "dispatch", Prompt: prompt, At: start.Add(time.Duration(i) * time.Hour)}})
		must(t, err)
		must(t, l.Accepted(ctx, numbers[0], fmt.Sprintf("req_%d", i)))
	}
	deliver(t, l, ticket("x"), final("req_1", ticket("x"), ""))
	tests := map[string]struct {
		query Query
		want  string
	}{
		"all":     {Query{}, "req_2 req_1 req_0"},
		"limit":   {Query{Limit: 2}, "req_2 req_1"},
		"open":    {Query{Open: true}, "req_2 req_0"},
		"status":  {Query{Status: narada.StatusSuccess}, "req_1"},
		"since":   {Query{Since: start.Add(30 * time.Minute)}, "req_2 req_1"},
		"grep":    {Query{Grep: regexp.MustCompile("(?i)count")}, "req_1 req_0"},
		"grep ID": {Query{Grep: regexp.MustCompile("req_2")}, "req_2"},
		"nothing": {Query{Status: "moon"}, ""},
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

func TestRefusedCallbacksAreBounded(t *testing.T) {
	l := open(t, t.TempDir())
	tk := ticket("a")
	number := intend(t, l, tk, "p")
	must(t, l.Accepted(ctx, number, "req_1"))
	r := Refusal{ReceivedAt: start, StatusCode: 401, Reason: "wrong secret", Size: 7, Header: http.Header{"Authorization": {"Bearer guess"}, "X-A": {"b"}}}
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

func TestPrune(t *testing.T) {
	tests := map[string]struct {
		limits Limits
		want   string
	}{
		"by age":           {Limits{Before: start.Add(90 * time.Minute)}, "req_4 req_3 req_2 req_0"},
		"by number":        {Limits{Keep: 2}, "req_4 req_3 req_0"},
		"both":             {Limits{Keep: 1, Before: start.Add(150 * time.Minute)}, "req_4 req_0"},
		"nothing":          {Limits{}, "req_4 req_3 req_2 req_1 req_0"},
		"open ones too":    {Limits{Keep: 1, Open: true}, "req_4"},
		"more than are":    {Limits{Keep: 10}, "req_4 req_3 req_2 req_1 req_0"},
		"before the first": {Limits{Before: start}, "req_4 req_3 req_2 req_1 req_0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			for i := range 5 {
				numbers, err := l.Intend(ctx, []Intent{{At: start.Add(time.Duration(i) * time.Hour), Ticket: ticket(fmt.Sprint(i))}})
				must(t, err)
				id := fmt.Sprintf("req_%d", i)
				must(t, l.Accepted(ctx, numbers[0], id))
				if i > 0 { // the first goes on
					deliver(t, l, ticket(fmt.Sprint(i)), final(id, ticket(fmt.Sprint(i)), "42"))
				}
			}
			count, err := l.Prune(ctx, test.limits)
			must(t, err)
			var ids []string
			for _, task := range tasks(t, l, Query{}) {
				ids = append(ids, task.RequestID)
			}
			if got := strings.Join(ids, " "); got != test.want || int(count) != 5-len(ids) {
				t.Errorf("%d went, left are %q, want %q", count, got, test.want)
			}
			var deliveries int
			must(t, l.read.QueryRow("SELECT count(*) FROM deliveries").Scan(&deliveries))
			if finished := len(ids) - strings.Count(test.want, "req_0"); deliveries != finished {
				t.Errorf("%d callbacks are left, want %d", deliveries, finished)
			}
		})
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

// A callback of another process finds its moment while there is much to prune.
func TestPruningLeavesOthersTheirTurn(t *testing.T) {
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	intents := make([]Intent, 20*pruneStep)
	for i := range intents {
		intents[i] = Intent{At: start, Body: make([]byte, 1000)}
	}
	_, err := l.Intend(ctx, intents)
	must(t, err)
	pruned := make(chan error, 1)
	go func() {
		_, err := l.Prune(ctx, Limits{Keep: 1, Open: true})
		pruned <- err
	}()
	meanwhile := 0
	for done := false; !done; meanwhile++ {
		deliver(t, other, ticket("a"), final(fmt.Sprint("req_", meanwhile), ticket("a"), "42"))
		select {
		case err := <-pruned:
			must(t, err)
			done = true
		default:
		}
	}
	if meanwhile < 10 {
		t.Errorf("%d callbacks only were stored meanwhile", meanwhile)
	}
}

func TestPruneGivesTheRoomBack(t *testing.T) {
	l := open(t, t.TempDir())
	text := strings.Repeat("x", 100_000)
	for i := range 20 {
		deliver(t, l, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), text))
	}
	must(t, l.file(ctx))
	before := l.Size()
	if _, err := l.Prune(ctx, Limits{Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if after := l.Size(); after > before/4 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

// A writer that has no pause would have the log grow for ever.
func TestTheLogIsBegunAnew(t *testing.T) {
	l := open(t, t.TempDir())
	grow := func() {
		must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
			_, err := tx.exec("INSERT INTO tasks (intended, source, status, body) VALUES (0, '', '', zeroblob(?))", logEnd/4)
			return err
		}}))
	}
	for range 6 {
		grow()
	}
	size := l.logSize()
	if size <= logEnd {
		t.Fatalf("the log has %d bytes only", size)
	}
	// The keeper may be at it in the same moment, and nobody waits for anybody.
	for range 100 {
		l.moveLog()
		grow()
		again := l.logSize()
		if again == size {
			return
		}
		size = again
	}
	t.Errorf("the log has grown to %d bytes, and grows", size)
}
