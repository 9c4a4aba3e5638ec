//go:build unix

package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

func init() {
	unixCommands["postgres"] = scriptPostgres
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
