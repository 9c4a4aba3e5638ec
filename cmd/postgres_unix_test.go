//go:build unix

package cmd

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

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
	ctx := context.Background()
	postgresOnce.Do(func() { postgresServer, postgresError = postgrestest.New(ctx) })
	ts.Check(postgresError)
	name := fmt.Sprintf("script%d", databases.Add(1))
	ts.Check(postgresServer.Exec(ctx, "postgres", "CREATE DATABASE "+name))
	ts.Setenv("NARADA_STORE", postgresServer.URL(name))
	ts.Setenv("STORE_PORT", fmt.Sprint(postgresServer.Port))
}

func closePostgres() error {
	if postgresServer == nil {
		return nil
	}
	return postgresServer.Close()
}
