//go:build unix

package postgres

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

func TestAURLThatIsNotOneIsRefusedWithoutItsPassword(t *testing.T) {
	const hint = "narada config set store postgres://USER@HOST/DATABASE"
	for _, c := range []struct{ url, reason string }{
		{"postgres://u:hunter2@host:port/db", "invalid port"},
		{"postgres://u:hunter2/db", "invalid port"},
		{"postgres://u:hunter2@ho st/db", `failed to parse as URL (unexpected spaces found in "...", use percent-encoded spaces (%20) instead)`},
		{"postgres://u:hun%zzter2@host/db", "failed to parse as URL (invalid percent-encoded token in password)"},
		{"postgres://u:hunter2@host/db?sslmode=maybe", "failed to configure TLS (sslmode is invalid)"},
		{"postgres://u:hunter2@host/db?sslrootcert=/none", "failed to configure TLS (unable to read CA file: open /none: no such file or directory)"},
		{"postgres://u:hunter2@host/db?connect_timeout=soon", `invalid connect_timeout (strconv.ParseInt: parsing "...": invalid syntax)`},
		{"postgres://u:hunter2@host/db?target_session_attrs=x", "unknown target_session_attrs value: x"},
		{"user=u password=hunter2 host", "failed to parse as keyword/value (invalid keyword/value)"},
		{"user=u password=other hunter2 x=y", `failed to parse as keyword/value (missing "..." after "..." in connection info string)`},
		{"mysql://u:hunter2@host/db", "it does not begin with postgres://"},
		{"hunter2", "failed to parse as keyword/value (invalid keyword/value)"},
	} {
		want := described{Message: "the store: the URL is wrong: " + c.reason, Hint: hint}
		got := describe(failure(t, Options{URL: c.url}))
		same(t, c.url, want, got)
		if strings.Contains(got.Message, "hunter2") {
			t.Errorf("%s: the password is in %s", c.url, got.Message)
		}
	}
}

func TestBadServers(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	exec(t, s, "DROP DATABASE IF EXISTS latin WITH (FORCE)", "DROP ROLE IF EXISTS limited", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "CREATE ROLE limited LOGIN CONNECTION LIMIT 0")
	exec(t, s, `DROP SCHEMA IF EXISTS "other program", "other events" CASCADE`, `CREATE SCHEMA "other program"; CREATE TABLE "other program".version (name text); CREATE SCHEMA "other events"; CREATE TABLE "other events".events (name text)`)
	newer := open(t, Options{URL: s.URL("postgres")})
	exec(t, s, fmt.Sprintf(`UPDATE %q.version SET version = 1000`, newer.o.Schema))
	for _, c := range []struct {
		name string
		o    Options
		want described
	}{
		{"no such database", Options{URL: s.URL("none")}, described{
			Message: "the store none on " + address(s) + `: database "none" does not exist`,
			Hint:    `an administrator runs: CREATE DATABASE "none" OWNER "postgres" ENCODING 'UTF8' TEMPLATE template0`,
		}},
		{"another encoding", Options{URL: s.URL("latin")}, described{
			Message: "the store latin on " + address(s) + ": its encoding is not UTF8",
			Hint:    "use another database: CREATE DATABASE NAME ENCODING 'UTF8' TEMPLATE template0",
		}},
		{"no such role", Options{URL: at(s, "postgres", as("nobody", "hunter2"))}, described{
			Message: "the store postgres on " + address(s) + `: role "nobody" does not exist`,
			Hint:    "check the user in the URL, and pg_hba.conf on the server",
		}},
		{"the schema of another program", Options{URL: s.URL("postgres"), Schema: "other program"}, described{
			Message: "the store postgres on " + address(s) + ": the schema belongs to another program",
			Hint:    "set another schema: narada config set store-schema NAME",
		}},
		{"tables of another program", Options{URL: s.URL("postgres"), Schema: "other events"}, described{
			Message: "the store postgres on " + address(s) + ": the schema belongs to another program",
			Hint:    "set another schema: narada config set store-schema NAME",
		}},
		{"a newer schema", Options{URL: s.URL("postgres"), Schema: newer.o.Schema}, described{
			Message: "the store postgres on " + address(s) + ": a newer version of narada made its schema",
			Hint:    "update narada",
		}},
		{"no connection left", Options{URL: at(s, "postgres", as("limited", ""))}, described{
			Message: "the store postgres on " + address(s) + ": the server has no connection left", Hint: "narada doctor", Unreachable: true, Temporary: true,
		}},
		{"no such host", Options{URL: "postgres://u@none.invalid/db"}, described{
			Message: "the store db on none.invalid:5432: it cannot be reached: none.invalid: no such host", Hint: "narada doctor", Unreachable: true, Temporary: true,
		}},
		{"no server", Options{URL: "postgres://u@127.0.0.1:1/db"}, described{
			Message: "the store db on 127.0.0.1:1: it cannot be reached: 127.0.0.1:1: connection refused", Hint: "narada doctor", Unreachable: true, Temporary: true,
		}},
		{"no socket", Options{URL: "host=/none dbname=db user=u"}, described{
			Message: "the store db on /none: it cannot be reached: /none/.s.PGSQL.5432: no such file or directory", Hint: "narada doctor", Unreachable: true, Temporary: true,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "failure", c.want, describe(failure(t, c.o)))
		})
	}
}

func TestPasswords(t *testing.T) {
	s := testServer(t)
	exec(t, s, "DO $$ BEGIN CREATE ROLE scram LOGIN PASSWORD 'hunter2' SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
	must(t, s.Authenticate("host all scram all scram-sha-256", "host all all all trust", "host replication all all trust"))
	must(t, s.Reload())
	t.Cleanup(func() {
		check(t, s.Authenticate("host all all all trust", "host replication all all trust"))
		check(t, s.Reload())
	})
	eventually(t, "authentication", func() bool {
		_, err := pgx.Connect(ctx, at(s, "postgres", as("scram", "wrong")))
		return err != nil
	})
	where := "the store postgres on " + address(s) + ": "
	for _, password := range []string{"wrong", ""} {
		want := described{Message: where + `password authentication failed for user "scram"`, Hint: "the password is in PGPASSWORD, or in the file that PGPASSFILE names"}
		same(t, "password "+password, want, describe(failure(t, Options{URL: at(s, "postgres", as("scram", password))})))
	}

	file := filepath.Join(t.TempDir(), "passwords")
	must(t, os.WriteFile(file, []byte(fmt.Sprintf("127.0.0.1:%d:*:scram:hunter2\n", s.Port)), 0o600))
	withoutPassword := at(s, "postgres", func(u *url.URL) { u.User = url.User("scram") })
	t.Run("PGPASSFILE", func(t *testing.T) {
		t.Setenv("PGPASSFILE", file)
		open(t, Options{URL: withoutPassword}).must("req_1")
	})
	t.Run("PGPASSWORD", func(t *testing.T) {
		t.Setenv("PGPASSWORD", "hunter2")
		open(t, Options{URL: withoutPassword}).must("req_1")
	})
	t.Run("PGSERVICEFILE", func(t *testing.T) {
		services := filepath.Join(t.TempDir(), "services")
		must(t, os.WriteFile(services, []byte(fmt.Sprintf("[ledger]\nhost=127.0.0.1\nport=%d\ndbname=postgres\nuser=scram\npassword=hunter2\nsslmode=disable\n", s.Port)), 0o600))
		t.Setenv("PGSERVICEFILE", services)
		open(t, Options{URL: "postgres://?service=ledger"}).must("req_1")
		same(t, "failure", "the store: the URL is wrong: failed to read service (unable to find service: none)", failure(t, Options{URL: "postgres://?service=none"}).Error())
	})
}

func TestRights(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	exec(t, s, `DROP DATABASE IF EXISTS rights WITH (FORCE)`, `DROP ROLE IF EXISTS "a worker", other`, `CREATE DATABASE rights`, `CREATE ROLE "a worker" LOGIN`, `CREATE ROLE other LOGIN`)
	worker, other := at(s, "rights", as("a worker", "")), at(s, "rights", as("other", ""))
	where := "the store rights on " + address(s) + ": "

	got := describe(failure(t, Options{URL: worker, Schema: "my ledger"}))
	same(t, "without the right to create a schema", described{Message: where + "permission denied for database rights",
		Hint: `an administrator runs: CREATE SCHEMA "my ledger" AUTHORIZATION "a worker"`}, got)
	follow(t, s, got.Hint)
	open(t, Options{URL: worker, Schema: "my ledger"}).must("req_1")

	exec2 := func(sql string) { t.Helper(); must(t, s.Exec(ctx, "rights", sql)) }
	exec2(`CREATE SCHEMA empty; GRANT USAGE ON SCHEMA empty TO "a worker"`)
	got = describe(failure(t, Options{URL: worker, Schema: "empty"}))
	same(t, "without the right to create tables", described{Message: where + "permission denied for schema empty",
		Hint: `an administrator runs: GRANT USAGE, CREATE ON SCHEMA "empty" TO "a worker"`}, got)
	follow(t, s, got.Hint)
	open(t, Options{URL: worker, Schema: "empty"}).must("req_1")

	// Another role uses the tables of the first.
	const grant = `an administrator runs: GRANT USAGE ON SCHEMA "my ledger" TO "other"; GRANT ALL ON ALL TABLES IN SCHEMA "my ledger" TO "other"; GRANT ALL ON ALL SEQUENCES IN SCHEMA "my ledger" TO "other"`
	got = describe(failure(t, Options{URL: other, Schema: "my ledger"}))
	same(t, "without rights", described{Message: where + "permission denied for schema my ledger", Hint: grant}, got)
	exec2(`GRANT USAGE ON SCHEMA "my ledger" TO other; GRANT SELECT ON ALL TABLES IN SCHEMA "my ledger" TO other`)
	reader := open(t, Options{URL: other, Schema: "my ledger"})
	same(t, "callbacks", []string{"req_1"}, reader.ids())
	_, err := reader.deliver("req_2")
	same(t, "writing without the right", described{Message: where + "permission denied for table writers", Hint: grant}, describe(asError(t, err)))
	follow(t, s, grant)
	reader.must("req_2", "req_3")
	timeline, _, err := readOne(ctx, reader.Store, plain[string], "SELECT @timeline()")
	must(t, err)
	same(t, "the timeline that it is told", "00000001", timeline)
	_, err = reader.PutBatch(ctx, testBatch("b"))
	must(t, err)
}

func TestAMigrationWaitsForAnother(t *testing.T) {
	t.Parallel()
	l, err := newStore(Options{URL: testServer(t).URL("postgres"), Schema: schema()})
	must(t, err)
	defer l.pool.Close()
	tx, err := l.pool.Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", l.lockKey())
	must(t, err)
	opened := make(chan error, 1)
	go func() {
		second, err := Open(ctx, l.o)
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	eventually(t, "waiting", func() bool {
		n, _, err := readOne(ctx, l, plain[int], "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND ((classid::bigint << 32) | objid::bigint) = $1", l.lockKey())
		return err == nil && n == 1
	})
	must(t, tx.Commit(ctx))
	must(t, <-opened)
	version, _, err := readOne(ctx, l, plain[int], "SELECT version FROM @version")
	must(t, err)
	same(t, "version", len(migrations), version)
}

// follow does as the hint says.
func follow(t testing.TB, s *postgrestest.Server, hint string) {
	t.Helper()
	sql, ok := strings.CutPrefix(hint, "an administrator runs: ")
	if !ok {
		t.Fatal(hint)
	}
	must(t, s.Exec(ctx, "rights", sql))
}

func TestUnsafeServersAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, c := range []struct{ name, value, standbys, option string }{
		{"fsync", "off", "", ""},
		{"full_page_writes", "off", "", ""},
		{"synchronous_commit", "off", "", ""},
		{"synchronous_commit", "local", "a", ""},
		{"synchronous_commit", "remote_write", "a", ""},
	} {
		if c.standbys != "" { // must not wait for it
			exec(t, s, "ALTER SYSTEM SET synchronous_standby_names = '"+c.standbys+"'")
		}
		exec(t, s, fmt.Sprintf("ALTER SYSTEM SET %s = %s", c.name, c.value))
		exec(t, s, "SELECT pg_reload_conf()")
		o := Options{URL: s.URL("postgres"), Schema: schema()}
		var got described
		eventually(t, c.name, func() bool {
			l, err := Open(ctx, o)
			if err == nil {
				must(t, l.Close())
				return false
			}
			got = describe(asError(t, err))
			return true
		})
		want := described{Message: fmt.Sprintf("the store postgres on %s: the server may lose what was stored: %s is %s", address(s), c.name, c.value),
			Hint: fmt.Sprintf("an administrator runs: ALTER SYSTEM SET %s = on; SELECT pg_reload_conf(); or use --allow-unsafe-store", c.name), Unreachable: true, Temporary: true}
		same(t, c.name, want, got)
		o.AllowUnsafe = true
		if c.value != "remote_write" { // which waits for the standby
			open(t, o).must("req_1")
		}
		exec(t, s, "ALTER SYSTEM RESET "+c.name)
		exec(t, s, "ALTER SYSTEM RESET synchronous_standby_names")
		exec(t, s, "SELECT pg_reload_conf()")
	}
}

func TestDeadServersAmongSeveralDoNotMatter(t *testing.T) {
	s := testServer(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed := dead.Addr().String()
	must(t, dead.Close())
	w := open(t, Options{URL: at(s, "postgres", func(u *url.URL) { u.Host = closed + "," + u.Host })})
	w.must("req_1")
	same(t, "where", "postgres on "+closed+", "+address(s), w.where)
	e := failure(t, Options{URL: at(s, "none", func(u *url.URL) { u.Host = closed + "," + u.Host })})
	same(t, "failure", "the store none on "+closed+", "+address(s)+`: database "none" does not exist`, e.Error())
}
