//go:build unix

package cmd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// failoverTasks is the number of tasks if NARADA_FAILOVER_TASKS is not set.
const failoverTasks = 300

// A batch under faults, with a ledger on a primary and a synchronous standby, survives that
// the primary is killed and the standby promoted: it has one result for each line, and no
// line was sent twice but those that were reported as unknown.
func TestABatchSurvivesTheFailoverOfItsLedger(t *testing.T) {
	postgrestest.Require(t)
	tasks := failoverTasks
	if n, err := strconv.Atoi(os.Getenv("NARADA_FAILOVER_TASKS")); err == nil {
		tasks = n
	}
	primary := startPostgres(t)
	standby, err := primary.Standby(t.Context(), "standby")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Close() })
	if err := primary.Exec(t.Context(), "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'"); err != nil {
		t.Fatal(err)
	}
	if err := primary.Reload(); err != nil {
		t.Fatal(err)
	}
	b := newFaultyBatch(t, tasks, faultRules())
	address := func(s *postgrestest.Server) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }
	b.env = append(b.env, fmt.Sprintf("NARADA_STORE=postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write", address(primary), address(standby)))
	c := b.start("--timeout", "60s")
	half := func() bool { return b.cloud.Stats().Dispatches > tasks/2 }
	if err := eventuallyWithin(time.Minute, half); err != nil {
		t.Fatalf("%v: %s", err, b.stderr.String())
	}
	primary.Kill()
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.settle(c)
	for line, status := range b.results() {
		switch status {
		case "success":
		case "unknown":
			b.unknown[line] = true
		default:
			t.Errorf("line %d: %s", line, status)
		}
	}
	dispatched := b.dispatched()
	for line := 1; line <= tasks; line++ {
		if n := dispatched[line]; n != 1 && !b.unknown[line] {
			t.Errorf("line %d (%s) was accepted %d times", line, faultKind(line-1), n)
		}
	}
	if len(b.results()) != tasks {
		t.Errorf("%d results", len(b.results()))
	}
	t.Logf("%d of %d lines are unknown; %+v", len(b.unknown), tasks, b.cloud.Stats())
}

// startPostgres starts a server of the test's own.
func startPostgres(t *testing.T) *postgrestest.Server {
	t.Helper()
	s, err := postgrestest.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
