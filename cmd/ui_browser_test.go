package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/ui"
)

// chromium returns the browser of this machine. Without one it skips the test, or fails it
// if NARADA_TEST_CHROMIUM is "required".
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("NARADA_TEST_CHROMIUM") == "required" {
		t.Fatal("there is no Chromium on this machine")
	}
	t.Skip("there is no Chromium on this machine")
	return ""
}

const browserRules = `
delay: 20ms
rules:
  - {match: hostile, text: "<script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'> \u202Eevil"}
  - {match: structured, text: '{"cities": ["Köln", "Bonn"], "count": 2}'}
  - {match: fails, status: error, text: no such page}
  - {match: slow, delay: 700ms, text: slowly}
  - {match: never, delay: 1h}
  - {text: fine}
`

// uiWorld is a running narada ui, with a cloud and a browser.
type uiWorld struct {
	t     *testing.T
	env   []string
	url   string // with the token
	stop  func() // ends narada ui
	base  string
	tab   context.Context
	axe   string
	state string
}

func newUIWorld(t *testing.T) *uiWorld {
	t.Helper()
	browser := chromium(t)
	t.Parallel()
	rules, err := sandbox.ParseRules([]byte(browserRules))
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := sandbox.Start(t.Context(), sandbox.Options{Addr: "127.0.0.1:0", Rules: rules, APIKey: scriptKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close(context.Background()) })
	dir := t.TempDir()
	w := &uiWorld{t: t, state: filepath.Join(dir, "state")}
	w.env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "NARADA_STATE_DIR="+w.state, "GORACE=atexit_sleep_ms=0",
		"NARADA_API_BASE_URL="+cloud.URL(), "NARADA_API_KEY="+scriptKey, "NARADA_BROWSER_WINDOW_ID=window_1", "NARADA_POLL_INTERVAL=100ms", "NGROK_AUTHTOKEN=", "NARADA_STORE=")
	w.url, w.stop = w.startUI("127.0.0.1:0")
	w.base, _, _ = strings.Cut(w.url, "/?token=")
	path := os.Getenv("NARADA_AXE")
	if path == "" && os.Getenv("NARADA_TEST_CHROMIUM") == "required" {
		t.Fatal("NARADA_AXE must name axe-core's axe.min.js")
	}
	if path != "" {
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w.axe = string(script)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.WindowSize(1280, 900), chromedp.UserDataDir(filepath.Join(dir, "browser")))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	w.tab, cancel = chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	w.do(chromedp.Navigate("about:blank")) // starts the browser
	w.tab, cancel = context.WithTimeout(w.tab, 3*time.Minute)
	t.Cleanup(cancel)
	return w
}

// startUI starts narada ui at the address, and returns its URL. stop ends it; otherwise the
// end of the test does.
func (w *uiWorld) startUI(addr string) (url string, stop func()) {
	w.t.Helper()
	c := exec.Command("narada", "ui", "--addr", addr)
	c.Env, c.Stderr = w.env, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(os.Interrupt)
		began := time.Now()
		if err := c.Wait(); err != nil || time.Since(began) > 20*time.Second {
			w.t.Errorf("narada ui ended with %v, %s after the interrupt, while a page was open", err, time.Since(began))
		}
	})
	w.t.Cleanup(stop)
	return strings.TrimSpace(line), stop
}

// narada runs a command to its end; it may fail.
func (w *uiWorld) narada(args ...string) (stdout string) {
	w.t.Helper()
	c := exec.Command("narada", args...)
	c.Env = w.env
	out, _ := c.Output()
	return string(out)
}

// start starts a command.
func (w *uiWorld) start(args ...string) {
	w.t.Helper()
	c := exec.Command("narada", args...)
	c.Env = w.env
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

func (w *uiWorld) do(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.tab, actions...); err != nil {
		w.t.Fatal(err)
	}
}

// eval returns the value of an expression in the page.
func (w *uiWorld) eval(expression string) string {
	w.t.Helper()
	text, err := chromedp.Run(w.tab, chromedp.Evaluate[string]("JSON.stringify("+expression+") ?? 'null'"))
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// until waits until the expression is true in the page.
func (w *uiWorld) until(expression string) {
	w.t.Helper()
	if err := eventually(func() bool { return w.eval("Boolean("+expression+")") == "true" }); err != nil {
		w.t.Fatalf("%s: %v\n%s", expression, err, w.eval("document.body?.innerText"))
	}
}

// text waits until the page shows the text.
func (w *uiWorld) text(text string) {
	w.t.Helper()
	w.until(fmt.Sprintf("document.body?.innerText.includes(%q)", text)) // there is none while another page is loaded
}

func (w *uiWorld) open(path string) {
	w.t.Helper()
	w.visit(w.base + path)
}

// visit opens a page of narada ui.
func (w *uiWorld) visit(url string) {
	w.t.Helper()
	w.do(chromedp.Navigate(url))
	w.ready()
}

// ready waits until the script of a page runs.
func (w *uiWorld) ready() {
	w.t.Helper()
	w.until(`document.readyState === "complete" && document.getElementById("live")?.textContent === "live"`)
}

// accessible fails the test if axe-core finds something serious on the page.
func (w *uiWorld) accessible(what string) {
	w.t.Helper()
	if w.axe == "" {
		return
	}
	w.do(chromedp.Evaluate[chromedp.Void](w.axe + "; 0"))
	found, err := chromedp.Run(w.tab, chromedp.Evaluate[[]string](
		`axe.run().then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => v.id + ": " + v.nodes.map(n => n.html).slice(0, 3).join(" | ")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatal(err)
	}
	if len(found) > 0 {
		w.t.Errorf("%s: %s", what, strings.Join(found, "\n"))
	}
}

// press sends a key to the page.
func (w *uiWorld) press(keys string) {
	w.t.Helper()
	w.do(chromedp.KeyEvent(keys))
}

func TestThePageShowsWhatOtherProcessesDo(t *testing.T) {
	w := newUIWorld(t)
	w.visit(w.url)
	w.text("No tasks yet")
	w.accessible("an empty ledger")
	w.until(`!location.href.includes("token")`)
	w.until(`document.getElementById("live").textContent === "live"`)
	w.do(chromedp.Evaluate[chromedp.Void]("window.loaded = 1"))

	// A task appears without a reload, and another one after it.
	w.narada("run", "--local", "count the jobs")
	w.text("count the jobs")
	w.until(`document.querySelector("#tasks tr .s-success")`)
	id := strings.Trim(w.eval(`document.querySelector("#tasks tr").dataset.key`), `"`)
	w.start("run", "--via", "poll", "this never ends")
	w.text("this never ends")
	w.until(`document.querySelector("#tasks tr .s-pending")`)
	if got := w.eval("window.loaded"); got != "1" {
		t.Error("the page was loaded again")
	}
	w.narada("run", "--via", "poll", "this fails")
	w.text("this fails")
	w.accessible("tasks")

	// Keys.
	w.press("j")
	w.press("j")
	w.press("k")
	w.until(`document.querySelector("#tasks tr.selected") === document.querySelector("#tasks tr")`)
	w.press("?")
	w.until(`document.getElementById("help").open`)
	w.do(chromedp.KeyEvent(kb.Escape))
	w.until(`!document.getElementById("help").open`)
	w.press("/")
	w.until(`document.activeElement.name === "q"`)
	w.do(chromedp.KeyEvent(kb.Backspace + "jobs" + kb.Enter))
	w.until(`location.search === "?q=jobs"`)
	w.ready()
	w.until(`document.querySelectorAll("#tasks tr").length === 1`)
	w.press("j")
	w.until(`document.querySelector("#tasks tr.selected")`)
	w.do(chromedp.KeyEvent(kb.Enter))
	w.until(fmt.Sprintf("location.pathname === '/tasks/%s'", id))
	w.ready()
	w.text("callback: success")
	w.accessible("a task")
	w.do(chromedp.KeyEvent(kb.Escape))
	w.until(`location.pathname === "/tasks"`)

	// A filter.
	w.open("/tasks?status=error")
	w.until(`document.querySelectorAll("#tasks tr").length === 1`)
	w.text("this fails")
}

func TestTheTextOfOthersIsText(t *testing.T) {
	w := newUIWorld(t)
	id := strings.TrimSpace(w.narada("run", "--local", "hostile <b>bold</b>", "-o", "json", "--jq", ".requestId"))
	w.visit(w.url)
	for _, path := range []string{"/tasks", "/tasks/" + id, "/callbacks", "/tasks?q=" + `"><script>window.hostile=1</script>`} {
		w.open(path)
		w.do(chromedp.Sleep(100 * time.Millisecond))
		if got := w.eval("window.hostile ?? null"); got != "null" {
			t.Errorf("%s: a script of others ran", path)
		}
	}
	w.open("/tasks/" + id)
	w.text("<script>window.hostile = 1</script>")
	w.text(`\u{202E}evil`)
	w.text("hostile <b>bold</b>")
}

func TestATaskIsFoldedSearchedAndReplayed(t *testing.T) {
	w := newUIWorld(t)
	received := make(chan string, 1)
	target := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		received <- r.Method
		rw.WriteHeader(http.StatusTeapot)
	}))
	defer target.Close()
	id := strings.TrimSpace(w.narada("run", "--local", "structured", "-o", "json", "--jq", ".requestId"))
	w.visit(w.url)
	w.open("/tasks/" + id)
	w.do(chromedp.Click("#task .card [data-fold]"))
	w.until(`[...document.querySelectorAll(".card .tree details")].every(d => !d.open)`)
	w.do(chromedp.Click("#task .card [data-unfold]"))
	w.until(`[...document.querySelectorAll(".card .tree details")].every(d => d.open)`)
	w.do(chromedp.SendKeys(".card [data-search]", "usage"))
	w.until(`[...document.querySelectorAll(".card .tree li")].some(l => l.hidden) && [...document.querySelectorAll(".card .tree li")].some(l => !l.hidden && l.textContent.includes("usage"))`)
	w.do(chromedp.SendKeys(".replay input[name=url]", target.URL+"/hook"), chromedp.Click(".replay button"))
	w.until(`document.querySelector(".replay output").textContent.includes("418")`)
	if method := <-received; method != http.MethodPost {
		t.Errorf("got a %s", method)
	}
	// A refusal is shown with its reason, on the task's page and among the callbacks.
	w.start("run", "--local", "this never ends")
	var address string
	if err := eventually(func() bool {
		address = strings.TrimSpace(w.narada("history", "show", "--last", "-o", "json", "--jq", ".request.callbackUrl"))
		return strings.HasPrefix(address, "http") && !strings.Contains(w.narada("history", "show", id, "-o", "json"), address)
	}); err != nil {
		t.Fatal(err)
	}
	w.open("/callbacks?verdict=refused")
	w.text("No callbacks match.")
	forge := func() {
		answer, err := http.Post(address, "application/json", strings.NewReader(`{"requestId":"req_forged","status":"success"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	forge()
	w.text("refused, 401")
	w.accessible("callbacks")
	// A paused list stays as it is; after that two refusals are two rows.
	w.do(chromedp.Click("[data-pause]"))
	forge()
	w.do(chromedp.Sleep(1500 * time.Millisecond))
	if rows := w.eval(`document.querySelectorAll("#callbacks tr").length`); rows != "1" {
		t.Errorf("the paused list has %s rows", rows)
	}
	w.do(chromedp.Click("[data-pause]"))
	w.until(`document.querySelectorAll("#callbacks tr").length === 2`)
	w.open("/callbacks?verdict=accepted")
	w.until(`document.querySelectorAll("#callbacks tr").length === 1`)
}

func TestABatchIsFollowedToItsEnd(t *testing.T) {
	w := newUIWorld(t)
	input := filepath.Join(filepath.Dir(w.state), "lines.txt")
	if err := os.WriteFile(input, []byte(strings.Repeat("slow one\nslow two\nfails\n", 8)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.visit(w.url)
	w.start("batch", "run", input, "--name", "cities", "--local", "-c", "4", "--results", filepath.Join(filepath.Dir(w.state), "results"))
	w.open("/batches")
	w.text("cities")
	w.open("/batches/cities")
	w.do(chromedp.Evaluate[chromedp.Void]("window.loaded = 1"))
	w.until(`document.getElementById("done").textContent === "24"`)
	w.until(`document.querySelectorAll("#lines-failed tr").length === 8`)
	if got := w.eval("window.loaded"); got != "1" {
		t.Error("the page was loaded again")
	}
	w.until(`[...document.querySelectorAll("#lines-failed tr")].every(r => r.innerText.includes("no such page") && r.querySelector(".number").innerText % 3 === 0)`)
	w.accessible("a batch")
	w.open("/batches/cities?lines=failed")
	w.text("no such page")
	w.accessible("the failed lines of a batch")
	w.open("/batches")
	w.text("24 of 24")
	w.accessible("batches")
	w.open("/usage?by=batch")
	w.text("cities")
	w.accessible("usage")
}

func TestThePageIsReadableInTheDarkAndOnAPhone(t *testing.T) {
	w := newUIWorld(t)
	w.narada("run", "--local", "count the jobs of "+strings.Repeat("averylongword", 30))
	w.visit(w.url)
	const ground = "getComputedStyle(document.body).backgroundColor"
	light := w.eval(ground)
	dark := func(scheme string) chromedp.Action[chromedp.Void] {
		return func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
			_, err = cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			return none, err
		}
	}
	w.do(dark("dark"))
	if got := w.eval(ground); got == light {
		t.Errorf("dark: the ground is %s, as when it is light", got)
	}
	w.accessible("tasks in the dark")
	id := strings.Trim(w.eval(`document.querySelector("#tasks tr").dataset.key`), `"`)
	for _, width := range []int64{375, 1280, 2560} {
		for _, path := range []string{"/tasks", "/tasks/" + id, "/callbacks", "/batches", "/usage"} {
			w.do(chromedp.EmulateViewport(width, 800))
			w.open(path)
			if got := w.eval("document.documentElement.scrollWidth"); got != fmt.Sprint(width) {
				t.Errorf("%s at %d pixels is %s wide", path, width, got)
			}
		}
	}
	w.do(dark("light"), chromedp.EmulateViewport(375, 800))
	w.open("/tasks")
	w.accessible("tasks on a phone")
}

// Requests of other pages, in a real browser: a form, and a frame.
func TestPagesOfOthersCannotUseThePage(t *testing.T) {
	w := newUIWorld(t)
	id := strings.TrimSpace(w.narada("run", "--local", "count", "-o", "json", "--jq", ".requestId"))
	w.visit(w.url) // the browser has the cookie
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<form method="post" action="%s/callbacks/1/replay"><input name="url" value="http://127.0.0.1:1/"><button>x</button></form><iframe src="%[1]s/tasks/%s"></iframe>`, w.base, id)
	}))
	defer other.Close()
	w.do(chromedp.Navigate(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)))
	if got := w.eval("[...document.querySelectorAll('iframe')].map(f => { try { return f.contentDocument?.body?.innerText ?? null } catch { return null } })"); strings.Contains(got, id) {
		t.Errorf("a frame of another page has %s", got)
	}
	w.do(chromedp.Click("button"))
	w.text("Other pages may not ask for this one.")
	if got := w.eval("document.cookie"); got != `""` {
		t.Errorf("a script reads the cookie %s", got)
	}
}

// After narada was gone for a while the page has each row once, without being loaded again.
func TestThePageIsResumedWhenNaradaIsThereAgain(t *testing.T) {
	w := newUIWorld(t)
	w.visit(w.url)
	w.narada("run", "--via", "poll", "before")
	w.text("before")
	w.do(chromedp.Evaluate[chromedp.Void]("window.loaded = 1"))
	w.stop()
	w.text("narada does not answer")
	w.narada("run", "--via", "poll", "meanwhile")
	w.startUI(strings.TrimPrefix(w.base, "http://"))
	w.text("meanwhile")
	w.narada("run", "--via", "poll", "afterwards")
	w.text("afterwards")
	w.until(`document.getElementById("live").textContent === "live"`)
	if got := w.eval(`[...document.querySelectorAll("#tasks .prompt")].map(p => p.innerText)`); got != `["afterwards","meanwhile","before"]` {
		t.Errorf("rows: %s", got)
	}
	if got := w.eval("window.loaded"); got != "1" {
		t.Error("the page was loaded again")
	}
}

// unreadable is a ledger that cannot be read now and then.
type unreadable struct {
	ui.Ledger
	now atomic.Bool
}

func (u *unreadable) Revision(ctx context.Context) (string, error) {
	if u.now.Load() {
		return "", errors.New("the disk is <i>gone</i>")
	}
	return u.Ledger.Revision(ctx)
}

func TestThePageSaysThatTheLedgerCannotBeRead(t *testing.T) {
	w := newUIWorld(t)
	l, err := sqlite.Open(t.Context(), w.state, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ledger := &unreadable{Ledger: l}
	page, err := ui.New(ui.Options{Ledger: ledger, Token: "token", Mask: func(text string) string { return text }, Now: time.Now, Zone: time.UTC, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := ui.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	urls, ended := make(chan string, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- page.Serve(ctx, listener, func(url string) error { urls <- url; return nil })
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	w.visit(<-urls)
	ledger.now.Store(true)
	w.until(`document.getElementById("live").textContent === "the ledger cannot be read: the disk is <i>gone</i>"`)
	w.text("No tasks yet") // what was read before stays
	w.accessible("a ledger that cannot be read")
	ledger.now.Store(false)
	w.until(`document.getElementById("live").textContent === "live"`)
}

// Without a script the page has its rows with whole request IDs, links, and a form that
// sends a callback again.
func TestThePageWorksWithoutAScript(t *testing.T) {
	w := newUIWorld(t)
	received := make(chan string, 1)
	target := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		received <- r.Method
		rw.WriteHeader(http.StatusTeapot)
	}))
	defer target.Close()
	var ids []string
	for _, prompt := range []string{"first", "second"} {
		ids = append(ids, strings.TrimSpace(w.narada("run", "--local", prompt, "-o", "json", "--jq", ".requestId")))
	}
	slices.Reverse(ids)
	scripts := func(off bool) chromedp.Action[chromedp.Void] {
		return func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
			_, err = cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
			return none, err
		}
	}
	w.do(scripts(true), chromedp.Navigate(w.url))
	if got, want := w.eval(`[...document.querySelectorAll("#tasks tr .id a")].map(a => a.innerText)`), fmt.Sprintf("[%q,%q]", ids[0], ids[1]); got != want {
		t.Errorf("got the rows %s, want %s", got, want)
	}
	if got := w.eval("typeof refresh"); got != `"undefined"` {
		t.Errorf("the script has run: %s", got)
	}
	w.do(chromedp.Navigate(w.base + "/tasks?q=first"))
	w.until(`document.querySelectorAll("#tasks tr").length === 1`)
	w.do(chromedp.Navigate(w.base + "/tasks/" + ids[0]))
	w.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(".replay input[name=url]").value = %q`, target.URL+"/hook")))
	w.do(chromedp.Click(".replay button"))
	w.text("418 POST " + target.URL + "/hook")
	if method := <-received; method != http.MethodPost {
		t.Errorf("got a %s", method)
	}
	w.do(scripts(false))
	w.accessible("the outcome of a replay")
	w.do(chromedp.Navigate(w.base + "/tasks/req_none"))
	w.text("There is nothing of this name")
	w.accessible("a page that there is not")
}
