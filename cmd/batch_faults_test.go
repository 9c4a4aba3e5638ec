package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// faultTasks is the number of tasks if NARADA_FAULT_TASKS is not set.
const faultTasks = 2000

// faultKinds are the faults of each hundred tasks, in turn; the rest have none.
var faultKinds = []struct {
	name  string
	share int
	rule  string
}{
	{"busy", 5, "faults: {dispatch: {status: 503, each: true, retryAfter: 1}}"},
	{"too many", 3, "faults: {dispatch: {status: 429, each: true}}"},
	{"answer lost", 2, "faults: {answerLost: {each: true}}"},
	{"callback lost", 2, "faults: {callback: {lost: true}}"},
	{"callback repeated", 2, "faults: {callback: {repeated: 2}}"},
	{"callback forged", 2, "faults: {callback: {forged: true}}"},
	{"callback late", 2, "faults: {callback: {late: 2s}}"},
}

// faultKind is the fault of the i-th task.
func faultKind(i int) string {
	n := i % 100
	for _, k := range faultKinds {
		if n < k.share {
			return k.name
		}
		n -= k.share
	}
	return "nothing"
}

func faultRules() string {
	var b strings.Builder
	b.WriteString("delay: 50ms\nrules:\n")
	for _, k := range faultKinds {
		fmt.Fprintf(&b, "  - match: '^%s '\n    text: done\n    %s\n", k.name, k.rule)
	}
	b.WriteString("  - text: done\n")
	return b.String()
}

// faultyBatch is a batch under faults, with the cloud and the tunnel around it.
type faultyBatch struct {
	t       *testing.T
	tasks   int
	dir     string
	cloud   *sandbox.Server
	edge    *ngroktest.Edge
	env     []string
	args    []string // of batch run
	stderr  bytes.Buffer
	unknown map[int]bool // lines that were reported as unknown
}

// newFaultyBatch starts the cloud and the tunnel. change changes the options of the cloud.
func newFaultyBatch(t *testing.T, tasks int, text string, change ...func(*sandbox.Options)) *faultyBatch {
	t.Helper()
	b := &faultyBatch{t: t, tasks: tasks, dir: t.TempDir(), unknown: map[int]bool{}}
	b.args = []string{"batch", "run", "tasks.txt", "--agent", "generalist", "--results", "results.jsonl", "-c", "64", "--timeout", "15s", "--via", "callback", "--ngrok-domain", "batch.ngrok.app"}
	edge, err := ngroktest.New(ngroktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(edge.Close)
	b.edge = edge
	rules, err := sandbox.ParseRules([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := sandbox.Options{Addr: "127.0.0.1:0", Rules: rules, APIKey: scriptKey, Transport: faultTransport(edge)}
	for _, one := range change {
		one(&o)
	}
	if b.cloud, err = sandbox.Start(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = b.cloud.Close(ctx)
	})
	var input strings.Builder
	for i := range tasks {
		fmt.Fprintf(&input, "%s %d\n", faultKind(i), i)
	}
	b.write("tasks.txt", input.String())
	b.write("ca.pem", string(edge.CAPEM()))
	b.env = append(os.Environ(), "HOME="+b.dir, "XDG_CONFIG_HOME="+b.dir, "NARADA_STATE_DIR="+filepath.Join(b.dir, "state"), "GORACE=atexit_sleep_ms=0",
		"NARADA_API_BASE_URL="+b.cloud.URL(), "NARADA_API_KEY="+scriptKey, "NARADA_BROWSER_WINDOW_ID=window_1", "NARADA_POLL_INTERVAL=100ms",
		"NGROK_AUTHTOKEN="+scriptToken, "NARADA_NGROK_CONNECT_URL="+edge.ConnectURL(), "NARADA_NGROK_CONNECT_CAS="+filepath.Join(b.dir, "ca.pem"))
	return b
}

// faultTransport sends callbacks to the edge over connections that are kept open.
func faultTransport(edge *ngroktest.Edge) *http.Transport {
	t := edge.Client().Transport.(*http.Transport)
	t.DisableKeepAlives, t.MaxConnsPerHost, t.MaxIdleConnsPerHost = false, 64, 64
	return t
}

func (b *faultyBatch) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// start starts the batch, or resumes it.
func (b *faultyBatch) start(args ...string) *exec.Cmd {
	b.t.Helper()
	c := exec.Command("narada", slices.Concat(b.args, args)...)
	b.stderr.Reset()
	c.Dir, c.Env, c.Stderr = b.dir, b.env, &b.stderr
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// results reads the statuses by line from the results file, which has each line at most
// once.
func (b *faultyBatch) results() map[int]string {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.dir, "results.jsonl"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	statuses := map[int]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r struct {
			Line     int
			Status   string
			Response struct{ Text string }
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			b.t.Fatalf("%v: %s", err, lines.Text())
		}
		if _, twice := statuses[r.Line]; twice {
			b.t.Errorf("line %d has two results", r.Line)
		}
		if r.Status == "success" && r.Response.Text != "done" {
			b.t.Errorf("line %d has the answer %q", r.Line, r.Response.Text)
		}
		statuses[r.Line] = r.Status
	}
	return statuses
}

// eachSucceededOnce fails the test unless each line succeeded and was accepted once.
func (b *faultyBatch) eachSucceededOnce(lines int) {
	b.t.Helper()
	results, dispatched := b.results(), b.dispatched()
	for line := 1; line <= lines; line++ {
		if results[line] != "success" || dispatched[line] != 1 {
			b.t.Errorf("line %d: %q, accepted %d times", line, results[line], dispatched[line])
		}
	}
}

// dispatched counts how often the cloud accepted each line.
func (b *faultyBatch) dispatched() map[int]int {
	number := regexp.MustCompile(`\d+$`)
	times := map[int]int{}
	for _, task := range b.cloud.Tasks() {
		i, err := strconv.Atoi(number.FindString(task.Prompt))
		if err != nil {
			b.t.Fatal(err)
		}
		times[i+1]++
	}
	return times
}

// A batch gets one answer to each line and sends no line twice, although the tunnel is
// dropped three times and the process killed three times.
func TestABatchSendsEachLineOnceDespiteFaults(t *testing.T) {
	tasks := faultTasks
	if n, err := strconv.Atoi(os.Getenv("NARADA_FAULT_TASKS")); err == nil {
		tasks = n
	}
	newFaultyBatch(t, tasks, faultRules()).sendsEachLineOnce()
}

func (b *faultyBatch) sendsEachLineOnce() {
	t, tasks := b.t, b.tasks
	t.Helper()
	accepted := func(share float64) bool { return float64(b.cloud.Stats().Dispatches) > share*float64(tasks) }
	c := b.start()
	for i := range 3 {
		for _, share := range []float64{0.12, 0.24} { // a drop, then a kill
			share += 0.25 * float64(i)
			if err := eventuallyWithin(2*time.Minute, func() bool { return accepted(share) }); err != nil {
				t.Fatalf("%v: %+v\n%s", err, b.cloud.Stats(), b.stderr.String())
			}
			if share-0.25*float64(i) < 0.2 {
				b.edge.DropSessions()
				continue
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			b.edge.DropSessions()                                                           // not every system closes the connections of a killed process at once
			if err := eventually(func() bool { return b.edge.Online() == 0 }); err != nil { // its domain is free again
				t.Fatal(err)
			}
			c = b.start()
		}
	}
	b.settle(c)
	for line, status := range b.results() {
		if status == "unknown" {
			b.unknown[line] = true
		} else if status != "success" {
			t.Errorf("line %d: %s", line, status)
		}
	}
	t.Logf("%d of %d lines are unknown after three kills; %+v", len(b.unknown), tasks, b.cloud.Stats())
	for line, n := range b.dispatched() {
		if n > 1 {
			t.Errorf("line %d (%s) was accepted %d times", line, faultKind(line-1), n)
		}
	}
	b.settle(b.start("--resend-unknown"))
	results, dispatched := b.results(), b.dispatched()
	for line := 1; line <= tasks; line++ {
		if results[line] != "success" {
			t.Errorf("line %d: %q", line, results[line])
		}
		if n := dispatched[line]; n != 1 && (!b.unknown[line] || n != 2) {
			t.Errorf("line %d (%s) was accepted %d times, unknown %v", line, faultKind(line-1), n, b.unknown[line])
		}
	}
}

// settle waits for the command to end, and resumes the batch until all lines have finished.
func (b *faultyBatch) settle(c *exec.Cmd) {
	b.t.Helper()
	for range 5 {
		switch exit := code(c.Wait()); exit {
		case 0, codeFailed:
			return
		case codeUnfinished:
			c = b.start()
		default:
			b.t.Fatalf("exit code %d: %s", exit, b.stderr.String())
		}
	}
	b.t.Fatalf("lines have not finished: %s", b.stderr.String())
}

func eventuallyWithin(limit time.Duration, condition func() bool) error {
	for start := time.Now(); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > limit {
			return fmt.Errorf("still not so after %s", limit)
		}
	}
	return nil
}
