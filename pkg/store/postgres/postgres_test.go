//go:build unix

package postgres

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

var ctx = context.Background()

// main server of the tests, started by the first that needs one.
var (
	once   sync.Once
	shared *postgrestest.Server
	failed error
	number atomic.Int64
)

func TestMain(m *testing.M) {
	storetest.Child(openStore)
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait for the disk, and for limits
		panic(err)
	}
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// testServer returns the server of the tests.
func testServer(t testing.TB) *postgrestest.Server {
	t.Helper()
	postgrestest.Require(t)
	once.Do(func() { shared, failed = postgrestest.New(ctx) })
	if failed != nil {
		t.Fatal(failed)
	}
	return shared
}

// schema returns the name of a schema that no other test has.
func schema() string { return fmt.Sprintf("test %d", number.Add(1)) }

// openStore opens the ledger called "URL schema".
func openStore(ctx context.Context, name string, stored func(store.Entry)) (storetest.Store, error) {
	url, schema, _ := strings.Cut(name, " ")
	return Open(ctx, Options{URL: url, Schema: schema, Stored: stored})
}

func TestConformanceWithOneConnection(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		return storetest.Opener{Name: s.URL("postgres") + " " + schema(), Open: func(ctx context.Context, name string, stored func(store.Entry)) (storetest.Store, error) {
			url, schema, _ := strings.Cut(name, " ")
			return Open(ctx, Options{URL: url, Schema: schema, Stored: stored, Connections: 1})
		}}
	})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	// The clock of the server is an hour ahead of that of this machine.
	exec(t, s, "DROP DATABASE IF EXISTS ahead WITH (FORCE)", "CREATE DATABASE ahead", "ALTER DATABASE ahead SET search_path = clock, pg_catalog")
	must(t, s.Exec(ctx, "ahead", `CREATE SCHEMA clock;
		CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$`))
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		return storetest.Opener{Name: s.URL("ahead") + " " + schema(), Open: openStore}
	})
}
