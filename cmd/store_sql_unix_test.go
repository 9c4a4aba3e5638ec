//go:build unix

package cmd

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// The statements of docs/examples/store.sql make a ledger, in a database of its own and in
// that of another owner, and let another role use it.
func TestTheSQLForAdministratorsWorks(t *testing.T) {
	postgrestest.Require(t)
	text, err := os.ReadFile("../docs/examples/store.sql")
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]string // of statements, by the comments above them
	for part := range strings.SplitSeq(string(text), "\n\n") {
		_, statements, _ := strings.Cut(part, "\n")
		parts = append(parts, strings.Split(strings.TrimSuffix(strings.TrimSpace(statements), ";"), ";\n"))
	}
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	s, err := postgrestest.New(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	run := func(database string, statements ...string) {
		t.Helper()
		for _, one := range statements {
			if err := s.Exec(context.Background(), database, one); err != nil {
				t.Fatalf("%s: %v", one, err)
			}
		}
	}
	narada := func(role, database string, args ...string) string {
		t.Helper()
		c := exec.Command("narada", args...)
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GORACE=atexit_sleep_ms=0", "NARADA_STORE=" + strings.Replace(s.URL(database), "postgres@", role+"@", 1)}
		out, err := c.CombinedOutput()
		if err != nil && args[0] != "doctor" {
			t.Fatalf("%s as %s in %s: %v: %s", args[0], role, database, err, out)
		}
		return string(out)
	}
	run("postgres", append(parts[0], "CREATE DATABASE others")...)
	run("others", parts[1]...)
	for i, database := range []string{"narada", "others"} {
		narada("narada", database, "history")
		grants := parts[2][min(i, 1):] // a role is made once
		run(database, grants...)
		narada("ci", database, "batch", "list")
		narada("ci", database, "history", "prune", "--older-than", "1h", "--yes")
		if out := narada("narada", database, "doctor"); !strings.Contains(out, "PASS  store-rights") {
			t.Errorf("%s: %s", database, out)
		}
		if out := narada("ci", database, "doctor"); !strings.Contains(out, "the role cannot change the tables") {
			t.Errorf("%s: %s", database, out)
		}
	}
}
