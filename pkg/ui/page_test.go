package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is a page of a ledger.
type world struct {
	t       *testing.T
	ledger  *sqlite.Store
	server  *Server
	handler http.Handler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &world{t: t, ledger: l}
	w.server, err = New(Options{
		Ledger: l, Name: "the ledger", Token: testToken, Mask: func(text string) string { return strings.ReplaceAll(text, "s3cret", "***") },
		Now: func() time.Time { return now }, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
		Commands: func(store.Task, json.RawMessage) []Command { return []Command{{"curl", "curl 'x'"}} },
		Replay: func(_ context.Context, d store.Delivery, to string) (Replayed, error) {
			if to == "" {
				return Replayed{}, errors.New("no URL, s3cret")
			}
			return Replayed{StatusCode: 418, Answer: "s3cret " + to, Failure: "418 I'm a teapot"}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = w.server.Handler(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4141})
	return w
}

// get returns the answer for a path.
func (w *world) get(path string) (code int, text string) {
	w.t.Helper()
	return w.ask(httptest.NewRequest("GET", path, nil))
}

func (w *world) ask(r *http.Request) (code int, text string) {
	w.t.Helper()
	r.Host = "127.0.0.1:4141"
	r.AddCookie(&http.Cookie{Name: "narada_4141", Value: testProof("narada_4141")})
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// has fails the test unless the page has the texts.
func (w *world) has(path string, texts ...string) {
	w.t.Helper()
	code, page := w.get(path)
	for _, text := range texts {
		if code != 200 || !strings.Contains(page, text) {
			w.t.Errorf("%s: %d, there is no %s in\n%s", path, code, text, page)
		}
	}
}

// lacks fails the test if the page has one of the texts.
func (w *world) lacks(path string, texts ...string) {
	w.t.Helper()
	code, page := w.get(path)
	for _, text := range texts {
		if code != 200 || strings.Contains(page, text) {
			w.t.Errorf("%s: %d, there is %s in\n%s", path, code, text, page)
		}
	}
}

// sent adds a task.
func (w *world) sent(name string, change func(*store.Intent)) {
	w.t.Helper()
	i := store.Intent{Source: "run", Cloud: "https://api.example.com", Machine: "here", Agent: "operator", Prompt: "prompt of " + name,
		Body: json.RawMessage(`{"prompt":"x"}`), Ticket: webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer " + name}}, Secret: name}, At: now.Add(-time.Hour)}
	if change != nil {
		change(&i)
	}
	op := &store.Intend{Intent: i}
	w.must(w.ledger.Write(w.t.Context(), op))
	w.must(w.ledger.Write(w.t.Context(), &store.Accept{Task: op.Number, RequestID: "req_" + name, At: i.At}))
}

// answered stores the callback of a task.
func (w *world) answered(name, rest string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"requestId":"req_%s","secret":%q,%s}`, name, name, rest)
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + name}, "X-Kind": {"<i>"}}
	ticket := webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer " + name}}, Secret: name}
	r, err := webhook.Verify(ticket, header, []byte(body))
	w.must(err)
	w.must(w.ledger.Write(w.t.Context(), &store.Deliver{Delivery: webhook.Delivery{Ticket: ticket, Result: r, Body: []byte(body), ReceivedAt: now, Header: header}}))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

const success = `"status":"success","createdAt":"2026-03-04T05:00:00Z","completedAt":"2026-03-04T05:00:02Z","usage":{"actions":3,"credits":1.5},"response":{"text":"<script>alert(1)</script>\u202E"}`

func TestAnEmptyLedgerSaysWhatToRun(t *testing.T) {
	w := newWorld(t)
	w.has("/", "No tasks yet", "narada run --sandbox")
	w.has("/tasks", "No tasks yet")
	w.has("/callbacks", "No callbacks yet", "narada listen")
	w.has("/batches", "No batches yet", "narada batch run")
	w.has("/usage", "No tasks were sent in this time.")
	w.has("/tasks?status=error", "No tasks match.")
}

func TestTasksAreListedFilteredAndPaged(t *testing.T) {
	w := newWorld(t)
	w.sent("a", nil)
	w.answered("a", success)
	w.sent("b", func(i *store.Intent) {
		i.Source, i.Prompt, i.At = "dispatch", "<b>count</b> jobs", now.Add(-48*time.Hour)
	})
	w.sent("sample", func(i *store.Intent) { i.Source = store.SourceTrigger })
	w.sent("elsewhere", func(i *store.Intent) { i.Ticket = webhook.Ticket{} })
	w.answered("elsewhere", success)
	w.has("/tasks?q=req_elsewhere", "callback of another process")
	w.lacks("/tasks?q=req_a", "another process")
	w.has("/tasks", "req_a", "prompt of a", "success", "2s", "1.5", "callback", "req_b", "pending", "&lt;b&gt;count&lt;/b&gt; jobs", "run on here")
	w.lacks("/tasks", "req_sample", "<b>")
	w.has("/tasks?source=trigger", "req_sample")
	w.has("/tasks?status=success", "req_a", "All tasks")
	w.lacks("/tasks?status=success", "req_b")
	w.lacks("/tasks?since=1d", "req_b")
	w.has("/tasks?q=COUNT", "req_b")
	w.lacks("/tasks?q=COUNT", "req_a")
	w.has("/tasks?q=req_a", "prompt of a")
	w.has("/tasks?batch=none", "No tasks match.")
	for _, path := range []string{"/tasks?since=yesterday", "/tasks/req_none", "/tasks/99", "/tasks/%2399", "/tasks/%23x", "/batches/none", "/callbacks/99/raw", "/nothing", "/static/none", "/usage?since=x"} {
		if code, _ := w.get(path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	for i := range tasksPerPage {
		w.sent(fmt.Sprint("n", i), nil)
	}
	w.has("/tasks", "req_n0", "Older")
	w.lacks("/tasks", "req_a", "Newest")
	_, page := w.get("/tasks")
	_, older, _ := strings.Cut(page, `<a href="/tasks?below=`)
	number, _, _ := strings.Cut(older, `"`)
	w.has("/tasks?below="+number, "req_a", "req_b", "Newest")
	w.lacks("/tasks?below="+number, "req_n0", "Older")
	w.has("/tasks?q=prompt", "Older")
}

func TestATaskIsShownWhole(t *testing.T) {
	w := newWorld(t)
	w.sent("a", func(i *store.Intent) {
		i.Body = json.RawMessage(`{"prompt":"x","responseFormat":{"type":"jsonSchema","jsonSchema":{"properties":{"count":{"type":"integer"}}}},"callbackUrl":"https://a.example/narada/a"}`)
		i.Parent = "req_parent"
	})
	w.answered("a", `"status":"input-required","completedAt":null,"hitlInputMetadata":{"inputId":"i","action":{"prompt_message":"Which <one>?"}}`)
	w.has("/tasks/req_a", "a person was asked", "A person is asked in the browser window: Which &lt;one&gt;?")
	w.ledger.Refuse("/narada/a", store.Refusal{ReceivedAt: now, StatusCode: 401, Reason: "wrong <secret>", Size: 7})
	w.answered("a", `"status":"success","completedAt":"2026-03-04T05:00:02Z","response":{"text":"<script>alert(1)</script>\u202E","structuredOutput":{"count":"many","rest":[1.10]}}`)
	w.has("/tasks/req_a", "&lt;script&gt;alert(1)&lt;/script&gt;", `\u{202E}`, "callback: success", "X-Kind", "&lt;i&gt;", "wrong &lt;secret&gt;", "1.10",
		"Against the schema", "/count: ", `<span class="failure">✗ `, "curl &#39;x&#39;", `action="/callbacks/2/replay"`, "/tasks/req_parent", "sent to the cloud")
	w.lacks("/tasks/req_a", "<script>alert", "A person is asked in")
	w.has("/tasks/%231", "req_a") // by number
	w.has("/callbacks/2/raw", `"count":"many"`)
	w.has("/callbacks", "refused, 401", "req_a", "wrong &lt;secret&gt;")
	w.lacks("/callbacks?verdict=accepted", "refused, 401")
	w.has("/callbacks?q=nothing", "No callbacks match.")
	w.has("/usage", "2026-03-04")
	w.has("/usage?by=agent&since=all", "operator")
}

// Every callback is on one page, whatever the order of their times; two refusals are two rows.
func TestCallbacksArePaged(t *testing.T) {
	w := newWorld(t)
	w.sent("a", nil)
	want := map[string]bool{}
	for i := range callbacksStep + 30 {
		w.answered("a", fmt.Sprintf(`"status":"success","completedAt":"2026-03-04T05:00:02Z","response":{"text":"%d"}`, i))
		want[fmt.Sprint("c", i+1)] = true
	}
	for i := range store.MaxRefusals { // at one moment, or before
		w.ledger.Refuse("/narada/a", store.Refusal{ReceivedAt: now.Add(-time.Duration(i%2) * time.Hour), StatusCode: 401, Reason: "wrong secret"})
		want[fmt.Sprint("r", i+1)] = true
	}
	keys, next := regexp.MustCompile(`data-key="([^"]*)"`), regexp.MustCompile(`href="([^"]*)" rel="next"`)
	pages := 0
	for path := "/callbacks"; path != ""; pages++ {
		_, text := w.get(path)
		for _, m := range keys.FindAllStringSubmatch(text, -1) {
			if !want[m[1]] {
				t.Errorf("%s is not to be on %s, or again", m[1], path)
			}
			delete(want, m[1])
		}
		if path == "/callbacks" == strings.Contains(text, "Newest") {
			t.Errorf("%s: a link to the first page", path)
		}
		path = ""
		if m := next.FindStringSubmatch(text); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if len(want) > 0 || pages != 3 {
		t.Errorf("%d pages, without %v", pages, want)
	}
	w.has("/callbacks?verdict=refused&q=WRONG", `data-key="r1"`)
	w.lacks("/callbacks?verdict=refused&q=WRONG", `data-key="c1"`, "Older")
	w.has("/callbacks?accepted-below=2&verdict=accepted", `data-key="c1"`)
	w.lacks("/callbacks?accepted-below=2&verdict=accepted", `data-key="c2"`, "Older")
}

func TestReplayNeedsTheValueOfItsForm(t *testing.T) {
	w := newWorld(t)
	w.sent("a", nil)
	w.answered("a", success)
	post := func(path string, values url.Values) (int, string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(values.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return w.ask(r)
	}
	for _, once := range []string{"", "x", testToken} {
		if code, text := post("/callbacks/1/replay", url.Values{"once": {once}, "url": {"http://localhost:3000"}}); code != 403 || strings.Contains(text, "418") {
			t.Errorf("%q: %d %s", once, code, text)
		}
	}
	code, text := post("/callbacks/1/replay", url.Values{"once": {w.server.formToken}, "url": {"http://localhost:3000/<x>"}})
	if code != 200 || !strings.Contains(text, "418 POST http://localhost:3000/&lt;x&gt;") || !strings.Contains(text, "*** http://localhost:3000/&lt;x&gt;") || strings.Contains(text, "s3cret") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := post("/callbacks/1/replay", url.Values{"once": {w.server.formToken}}); code != 200 || !strings.Contains(text, "no URL, ***") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := post("/callbacks/9/replay", url.Values{"once": {w.server.formToken}}); code != 404 {
		t.Errorf("a callback that there is not: %d", code)
	}
	if code, _ := w.get("/callbacks/1/replay"); code != 405 && code != 404 {
		t.Errorf("GET: %d", code)
	}
}

func TestABatchIsShown(t *testing.T) {
	w := newWorld(t)
	put := &store.PutBatch{Batch: store.Batch{Name: "jobs", BegunAt: now.Add(-time.Hour), Input: "jobs.csv", Lines: 8}}
	w.must(w.ledger.Write(t.Context(), put))
	add := func(line int, name string) {
		w.sent(name, func(in *store.Intent) {
			in.Source, in.Item = "batch", store.Item{Batch: put.Number, Key: []byte{byte(line)}, Line: line, ID: "id<" + strconv.Itoa(line)}
		})
	}
	for i, name := range []string{"one", "two", "three", "four"} {
		add(i+1, name)
	}
	w.answered("one", success)
	failed := `"status":"error","completedAt":"2026-03-04T05:00:02Z","response":{"text":"The portal\nsays <b>no</b>` + strings.Repeat(" more", 200) + `"}`
	w.answered("two", failed)
	w.answered("four", success)
	w.must(w.ledger.SetMismatch(t.Context(), put.Number, []byte{4}, `{"schemaErrors":["/count: got string","/name: missing"],"assertErrors":[".ok: gave false"]}`))
	add(5, "before") // failed, and was sent again
	w.answered("before", failed)
	add(5, "again")
	refused := &store.Intend{Intent: store.Intent{Source: "batch", Prompt: "too long", Item: store.Item{Batch: put.Number, Key: []byte("r"), Line: 6}, At: now}}
	w.must(w.ledger.Write(t.Context(), refused))
	w.must(w.ledger.Write(t.Context(), &store.Refuse{Task: refused.Number, Failure: "413: the prompt is too long", At: now}))
	sending := &store.Intend{Intent: store.Intent{Source: "batch", Item: store.Item{Batch: put.Number, Key: []byte("u"), Line: 7}, At: now}}
	w.must(w.ledger.Write(t.Context(), sending))
	w.has("/batches", "jobs", "4 of 8", "1 success", "1 mismatch", "1 error", "2 pending")
	w.has("/batches/jobs", `<span id="done">4</span> of 8`, "3", "req_three", "Slowest", "jobs.csv", "Finished, each 1s", ": 1 succeeded, 3 did not</title>", "at most 4 lines", "<dd>3</dd></div>", "In flight", "req_again", "it is not known whether the API accepted it")
	for _, path := range []string{"/batches/jobs", "/batches/jobs?lines=failed"} {
		w.has(path, "Did not succeed", "req_two", "The portal says &lt;b&gt;no&lt;/b&gt;", "id&lt;2", "/count: got string; /name: missing; .ok: gave false", "mismatch", "413: the prompt is too long")
		w.lacks(path, strings.Repeat(" more", 100), "req_before")
	}
	w.has("/batches/jobs?lines=failed&after=4", "413: the prompt", `href="/batches/jobs"`, "Batch jobs: Did not succeed")
	w.lacks("/batches/jobs?lines=failed&after=4", "req_two", "Next lines", "Slowest")
	w.has("/batches/jobs?lines=failed&after=6", "None.")
	if code, _ := w.get("/batches/jobs?lines=x"); code != 404 {
		t.Errorf("a list that there is not: %d", code)
	}
	for i := range tasksPerPage {
		add(10+i, fmt.Sprint("many", i))
	}
	w.has("/batches/jobs", `href="/batches/jobs?lines=open"`)
	w.has("/batches/jobs?lines=open", fmt.Sprintf(`href="/batches/jobs?lines=open&amp;after=%d"`, 10+tasksPerPage-4))
	w.has("/tasks?batch=jobs", "req_many1")
	w.has("/tasks/req_one", `href="/batches/jobs"`)
	w.has("/usage?by=batch", "jobs")
}

// A long batch has few bars, each of a round span.
func TestTheBarsOfABatchAreFew(t *testing.T) {
	w := newWorld(t)
	put := &store.PutBatch{Batch: store.Batch{Name: "jobs", Lines: 3}}
	w.must(w.ledger.Write(t.Context(), put))
	for i, at := range []time.Duration{0, time.Hour, 26 * time.Hour} {
		name := fmt.Sprint("n", i)
		w.sent(name, func(in *store.Intent) {
			in.Item = store.Item{Batch: put.Number, Key: []byte(name), Line: i + 1}
		})
		r, err := narada.ParseResult([]byte(`{"requestId":"req_` + name + `","status":"success","createdAt":"2026-03-04T05:00:00Z","completedAt":"2026-03-04T05:00:01Z","usage":{"credits":0.25}}`))
		w.must(err)
		w.must(w.ledger.Write(t.Context(), &store.Poll{Result: r, At: now.Add(at)}))
	}
	body := batchBody{batchRow: batchRow{Batch: store.Batch{Number: put.Number}, Done: 3}}
	w.must(w.server.setPace(t.Context(), &body))
	heights := ""
	for _, b := range body.Finished.Bars {
		heights += fmt.Sprint(b.Good)
	}
	if body.Finished.Title != "Finished, each 30m" || body.Finished.Max != "1 line" || body.Credits != 0.75 || heights != "101"+strings.Repeat("0", 49)+"1" {
		t.Errorf("%+v, %g credits, %s", body.Finished, body.Credits, heights)
	}
}

// Days without tasks are in the charts too, and what has not finished has not failed.
func TestUsageIsShownByDay(t *testing.T) {
	w := newWorld(t)
	for i, days := range []int{4, 1, 1} {
		w.sent(fmt.Sprint(i), func(in *store.Intent) { in.At = now.AddDate(0, 0, -days) })
	}
	w.answered("0", success)
	w.answered("1", `"status":"error","completedAt":"2026-03-04T05:00:02Z","response":{"text":"no"}`)
	w.has("/usage", "Usage by day", "<title>2026-02-28: 1 succeeded, 0 did not</title>", "<title>2026-03-02: 0 succeeded, 0 did not</title>",
		"<title>2026-03-03: 0 succeeded, 1 did not</title>", "<title>2026-02-28: 1.5 credits</title>", "1 pending")
	w.lacks("/usage", "2026-03-04:", "2026-02-27:")
	w.lacks("/usage?by=agent", "<title>2026")
}

// broken is a ledger that cannot be read.
type broken struct{ Ledger }

func (broken) Revision(context.Context) (string, error) { return "", errors.New("s3cret is broken") }

func TestALedgerThatCannotBeReadIsSaid(t *testing.T) {
	w := newWorld(t)
	w.server.o.Ledger = broken{w.ledger}
	if code, text := w.get("/tasks"); code != 500 || !strings.Contains(text, "*** is broken") {
		t.Errorf("%d %s", code, text)
	}
}

func TestServeEndsAtOnceWithAStreamOpen(t *testing.T) {
	w := newWorld(t)
	l, err := Listen("127.0.0.1:0")
	w.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- w.server.Serve(ctx, l, func(url string) error { ready <- url; return nil })
	}()
	answer, err := http.Get(strings.Replace(<-ready, "/?", "/stream?", 1))
	w.must(err)
	defer answer.Body.Close()
	began := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// What the page needs is made when it is served: other commands start without it.
func TestOtherCommandsStartWithoutThePage(t *testing.T) {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := c.CombinedOutput()
	w := regexp.MustCompile(`init github.com/narada-cli/narada/pkg/ui @.* (\d+) allocs`).FindSubmatch(trace)
	if err != nil || !strings.Contains(string(trace), "init net/http @") {
		t.Fatalf("%v: %s", err, trace)
	}
	if w != nil && len(w[1]) > 1 { // these tests have variables, too
		t.Errorf("%s", w[0])
	}
}
