//go:build unix

package cmd

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/units"
)

func init() {
	unixCommands["postgres"], unixCommands["connections"], unixCommands["connected"] = scriptPostgres, scriptConnections, scriptConnected
	unixCommands["aged"] = scriptAged
	scriptConditions["postgres"] = postgrestest.Installed
	atEnd = closePostgres
}

// The server of all scripts, started by the first that needs one.
var (
	postgresOnce   sync.Once
	postgresServer *postgrestest.Server
	postgresError  error
	databases      atomic.Int64
)

// scriptPostgres points the settings to a new database.
func scriptPostgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	url, err := newDatabase()
	ts.Check(err)
	ts.Setenv("NARADA_STORE", url)
	ts.Setenv("STORE_PORT", fmt.Sprint(postgresServer.Port))
}

// askServer returns the number that a query about the script's database $1 returns.
func askServer(ts *testscript.TestScript, query string, args ...any) (n int64) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, postgresServer.URL("postgres"))
	ts.Check(err)
	defer conn.Close(ctx)
	config, err := pgx.ParseConfig(ts.Getenv("NARADA_STORE"))
	ts.Check(err)
	ts.Check(conn.QueryRow(ctx, query, append([]any{config.Database}, args...)...).Scan(&n))
	return n
}

func scriptConnections(ts *testscript.TestScript, _ bool, args []string) {
	for _, arg := range args {
		name, low, high := boundsOf(ts, arg)
		var got int64
		ts.Check(eventually(func() bool {
			got = askServer(ts, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = $2", name)
			return got >= low
		}))
		if got > high {
			ts.Fatalf("%s has %d connections, want %s", name, got, arg)
		}
	}
}

func scriptConnected(ts *testscript.TestScript, _ bool, args []string) {
	_, low, high := boundsOf(ts, "="+args[0])
	ts.Check(eventually(func() bool {
		return askServer(ts, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1") == 0
	}))
	sessions := askServer(ts, "SELECT sessions FROM pg_stat_database WHERE datname = $1")
	before, _ := strconv.ParseInt(ts.Getenv("SESSIONS"), 10, 64)
	ts.Setenv("SESSIONS", strconv.FormatInt(sessions, 10))
	if made := sessions - before; made < low || made > high {
		ts.Fatalf("%d connections were made, want %s", made, args[0])
	}
}

// newDatabase returns the URL of a new database.
func newDatabase() (string, error) {
	ctx := context.Background()
	postgresOnce.Do(func() { postgresServer, postgresError = postgrestest.New(ctx) })
	if postgresError != nil {
		return "", postgresError
	}
	name := fmt.Sprintf("script%d", databases.Add(1))
	return postgresServer.URL(name), postgresServer.Exec(ctx, "postgres", "CREATE DATABASE "+name)
}

// scriptAged makes the tasks in the ledger older.
func scriptAged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	age, err := units.ParseDuration(args[0])
	ts.Check(err)
	if address := ts.Getenv("NARADA_STORE"); address != "" {
		database := address[strings.LastIndex(address, "/")+1 : strings.Index(address, "?")]
		ts.Check(postgresServer.Exec(context.Background(), database, fmt.Sprintf(
			"UPDATE narada.tasks SET dispatched_at = dispatched_at - interval '%[1]v', finished_at = finished_at - interval '%[1]v'", age)))
		return
	}
	db, err := sql.Open("sqlite", "file:"+sqlite.Path(filepath.Join(ts.Getenv("HOME"), ".local/state/narada")))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec("UPDATE tasks SET dispatched_at = dispatched_at - ?1, finished_at = finished_at - ?1", age.Milliseconds())
	ts.Check(err)
}

// Commands that use the ledger behave the same with one in PostgreSQL. Scripts about the
// ledger's file, and those without a ledger, are left out.
func TestScriptsWithASharedLedger(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("it repeats TestScripts")
	}
	postgrestest.Require(t)
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	scripts = slices.DeleteFunc(scripts, func(path string) bool {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return !storeCommands.Match(text) || ownDatabase.Match(text) || sqliteScripts[filepath.Base(path)] != ""
	})
	runScripts(t, testscript.Params{Files: scripts}, func(env *testscript.Env) error {
		url, err := newDatabase()
		env.Vars = append(env.Vars, "NARADA_STORE="+url)
		return err
	})
}

// storeCommands matches the commands that use the ledger.
var storeCommands = regexp.MustCompile(`narada (run|dispatch|status|listen|batch|history|replay|trigger|store)`)

// ownDatabase matches the command that makes a database: such a script has a shared ledger.
var ownDatabase = regexp.MustCompile(`(?m)^postgres$`)

// sqliteScripts are the scripts that need a ledger in a file, and why.
var sqliteScripts = map[string]string{
	"doctor.txtar":          "it begins without a ledger",
	"forward.txtar":         "its endpoint, another listener, has a ledger of its own",
	"history.txtar":         "it begins without a ledger",
	"ledger_troubles.txtar": "its ledgers are damaged files",
	"listener.txtar":        "a listener that was killed is listed until its lease has ended",
	"max_body.txtar":        "it has two ledgers",
	"store.txtar":           "it begins without a ledger, and damages one",
	"trigger.txtar":         "its endpoint, another listener, has a ledger of its own",
	"via_listener.txtar":    "it ends with a ledger that cannot be opened",
}

func closePostgres() error {
	if postgresServer == nil {
		return nil
	}
	return postgresServer.Close()
}
