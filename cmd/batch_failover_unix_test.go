//go:build unix

package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// failoverTasks is the number of tasks if NARADA_FAILOVER_TASKS is not set.
const failoverTasks = 300

// A batch under faults, with a ledger on a primary and a synchronous standby, two receivers
// and three workers, survives that the primary, a receiver and a worker are killed and the
// standby is promoted: each line has one result, none was sent twice, and the ledger has every
// callback that was answered 200.
func TestABatchSurvivesTheFailoverOfItsLedger(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts two servers and six processes")
	}
	postgrestest.Require(t)
	tasks := failoverTasks
	if n, err := strconv.Atoi(os.Getenv("NARADA_FAILOVER_TASKS")); err == nil {
		tasks = n
	}
	f := newFailover(t, tasks)
	receivers := []*machine{f.receiver(0), f.receiver(1)}
	workers := []*machine{f.worker(0), f.worker(1), f.worker(2)}
	run := f.start()
	half := func() bool { return f.cloud.Stats().Dispatches > tasks/2 }
	if err := eventuallyWithin(10*time.Minute, half); err != nil {
		t.Fatalf("%v: %s", err, f.stderr.String())
	}
	f.primary.Kill()
	receivers[0].end(syscall.SIGKILL)
	workers[0].end(syscall.SIGKILL)
	if err := f.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.settle(run)
	for _, p := range []*machine{receivers[1], workers[1], workers[2]} {
		if exit := p.end(syscall.SIGINT); exit != codeDone {
			t.Errorf("exit code %d: %s", exit, p.stderr.String())
		}
	}
	f.checkLines()
	f.checkCallbacks()
	t.Logf("%d of %d lines are unknown, %d callbacks were answered 200; %+v", len(f.unknown), tasks, len(f.acknowledged), f.cloud.Stats())
}

// failover is a batch under faults whose ledger has a standby, with a load balancer before
// the receivers.
type failover struct {
	*faultyBatch
	primary, standby *postgrestest.Server
	backends         []string
	url              string // of the load balancer

	mu           sync.Mutex
	acknowledged map[string]bool // request IDs of the callbacks that were answered 200
	forged       int             // callbacks that were answered 200 all the same
}

func newFailover(t *testing.T, tasks int) *failover {
	t.Helper()
	f := &failover{backends: []string{freeAddress(t), freeAddress(t)}, acknowledged: map[string]bool{}}
	f.primary, f.standby = startPair(t)
	dir, roots := t.TempDir(), x509.NewCertPool()
	certPEM, err := writeCert(dir)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(certPEM)
	balancer, err := startBalancer(dir, f.backends...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(balancer.Close)
	f.url = balancer.URL
	f.faultyBatch = newFaultyBatch(t, tasks, faultRules(), func(o *sandbox.Options) {
		o.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}
		o.Observe = f.observe
	})
	address := func(s *postgrestest.Server) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }
	f.env = append(f.env, "SSL_CERT_FILE="+filepath.Join(dir, "cert.pem"),
		fmt.Sprintf("NARADA_STORE=postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write", address(f.primary), address(f.standby)))
	f.args = []string{"batch", "run", "tasks.txt", "--agent", "generalist", "--results", "results.jsonl", "--no-work", "--via", "listener:ci",
		"-c", "64", "--timeout", "15s", "--lease", "5s"}
	return f
}

// startPair starts a primary and its synchronous standby.
func startPair(t *testing.T) (primary, standby *postgrestest.Server) {
	t.Helper()
	primary, err := postgrestest.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Close() })
	if standby, err = primary.Standby(t.Context(), "standby"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Close() })
	if err := primary.Exec(t.Context(), "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'"); err != nil {
		t.Fatal(err)
	}
	if err := primary.Reload(); err != nil {
		t.Fatal(err)
	}
	return primary, standby
}

// observe notes the callbacks that were answered 200.
func (f *failover) observe(e sandbox.Event) {
	if e.Kind != sandbox.EventCallback || e.StatusCode != http.StatusOK {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acknowledged[e.RequestID] = true; e.Fault != "" {
		f.forged++
	}
}

// receiver starts a receiver and waits until it takes callbacks.
func (f *failover) receiver(i int) *machine {
	f.t.Helper()
	ready := filepath.Join(f.dir, fmt.Sprintf("ready%d.json", i))
	p := f.machine(fmt.Sprint("receiver", i), "listen", "--name", "ci", "--public-url", f.url, "--addr", f.backends[i], "--health-path", "/health", "--drain", "0s", "--ready-file", ready)
	if err := eventually(func() bool { _, err := os.Stat(ready); return err == nil }); err != nil {
		f.t.Fatalf("%v: %s", err, p.stderr.String())
	}
	return p
}

func (f *failover) worker(i int) *machine {
	f.t.Helper()
	return f.machine(fmt.Sprint("worker", i), "batch", "work", "tasks", "-c", "24")
}

// checkLines checks that each line has one result and was sent once, but for unknown ones,
// which may not have been sent.
func (f *failover) checkLines() {
	f.t.Helper()
	results, dispatched := f.results(), f.dispatched()
	for line := 1; line <= f.tasks; line++ {
		status, n := results[line], dispatched[line]
		if status == "unknown" {
			f.unknown[line] = true
		} else if status != "success" {
			f.t.Errorf("line %d (%s): %q", line, faultKind(line-1), status)
		}
		if n > 1 || n == 0 && !f.unknown[line] {
			f.t.Errorf("line %d (%s, %s) was accepted %d times", line, faultKind(line-1), status, n)
		}
	}
	if len(f.unknown) > 24 { // of the worker that was killed
		f.t.Errorf("%d lines are unknown", len(f.unknown))
	}
}

// checkCallbacks checks that the promoted server has each callback that was answered 200,
// once.
func (f *failover) checkCallbacks() {
	f.t.Helper()
	conn, err := pgx.Connect(f.t.Context(), f.standby.URL("postgres"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(f.t.Context())
	rows, err := conn.Query(f.t.Context(), "SELECT request_id FROM narada.deliveries")
	if err != nil {
		f.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		f.t.Fatal(err)
	}
	stored := map[string]int{}
	for _, id := range list {
		if stored[id]++; stored[id] > 1 {
			f.t.Errorf("the callback of %s is stored twice", id)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.acknowledged {
		if stored[id] == 0 {
			f.t.Errorf("the callback of %s was answered 200 and is not stored", id)
		}
	}
	if f.forged > 0 {
		f.t.Errorf("%d forged callbacks were answered 200", f.forged)
	}
}
