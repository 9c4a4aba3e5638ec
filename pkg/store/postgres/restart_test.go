//go:build unix

package postgres

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
)

func (w *world) listens() bool {
	w.wake.mu.Lock()
	defer w.wake.mu.Unlock()
	return w.wake.listening
}

// fails checks that do fails with a temporary error.
func fails(t testing.TB, what string, do func() error) {
	t.Helper()
	err := do()
	if err == nil {
		t.Fatalf("%s does not fail", what)
	}
	if e := asError(t, err); !e.Temporary() || !e.Unreachable() {
		t.Errorf("%s: %v is not temporary", what, e)
	}
}

func TestWhatFailsIsRepeatedWithinItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for limit, want := range map[time.Duration]int{0: 1, 10 * retryPause: 11} {
			attempts := 0
			_, err := repeatedly(limit, func(context.Context) (int, error) {
				attempts++
				return 0, errInDoubt
			})
			if err != errInDoubt || attempts != want {
				t.Errorf("%d attempts in %s: %v", attempts, limit, err)
			}
		}
		cutOff := 0
		_, err := repeatedly(time.Second, func(ctx context.Context) (int, error) {
			if cutOff++; cutOff == 1 {
				return 0, errInDoubt
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if err != errInDoubt {
			t.Errorf("an attempt that was cut off: %v", err)
		}
	})
}

func TestAServerThatIsStoppedAndStartedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := open(t, Options{URL: s.URL("postgres")})
	other := w.again()
	seen := other.follow()
	w.must("req_1")
	expect(t, seen, "req_1")
	eventually(t, "LISTEN", other.listens)

	s.Stop()
	fails(t, "the first write", func() error { _, err := w.deliver("req_2"); return err })
	if !w.committer.lost {
		t.Error("another write is waited for")
	}
	fails(t, "another write", func() error { _, err := w.deliver("req_2"); return err })
	fails(t, "a read", func() error { _, _, err := w.Task(ctx, "req_1"); return err })
	if _, warned := w.told(); len(warned) != 1 {
		t.Errorf("warned %q", warned)
	}
	eventually(t, "no LISTEN", func() bool { return !other.listens() })

	must(t, s.Start(ctx))
	eventually(t, "a write", func() bool { _, err := w.deliver("req_3"); return err == nil })
	expect(t, seen, "req_3")
	eventually(t, "LISTEN", other.listens)
	w.must("req_4")
	expect(t, seen, "req_4")
	stored, warned := w.told()
	same(t, "stored", []string{"req_1", "req_3", "req_4"}, stored)
	if len(warned) != 2 || warned[1] != "the store postgres on "+address(s)+" is there again" {
		t.Errorf("warned %q", warned)
	}
}

func TestAServerThatIsStartedAgainWithUnsafeSettingsIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := open(t, Options{URL: s.URL("postgres")})
	other := w.again()
	seen := other.follow()
	w.must("req_1")
	expect(t, seen, "req_1")
	again := func(fsync string) {
		s.Stop()
		must(t, s.Configure("fsync = "+fsync))
		must(t, s.Start(ctx))
	}
	again("off")
	where := "the store postgres on " + address(s)
	const unsafe = ": the server may lose what was stored: fsync is off"
	eventually(t, "refused", func() bool { // at first it may only be busy
		var text string
		fails(t, "a write", func() error {
			_, err := w.deliver("req_2")
			if err != nil {
				text = err.Error()
			}
			return err
		})
		return text == where+unsafe
	})
	fails(t, "a read", func() error { _, _, err := w.Task(ctx, "req_1"); return err })
	again("on")
	eventually(t, "a write", func() bool { _, err := w.deliver("req_3"); return err == nil })
	expect(t, seen, "req_3")
	if _, warned := w.told(); len(warned) != 2 || !strings.HasPrefix(warned[0], where+": ") || warned[1] != where+" is there again" {
		t.Errorf("warned %q", warned)
	}
	again("off")
	allowed := open(t, Options{URL: s.URL("postgres"), AllowUnsafe: true})
	allowed.must("req_1")
}

func TestAServerIsListenedToWhileItHasRoom(t *testing.T) {
	t.Parallel()
	s := newServer(t, "max_connections = 20")
	exec(t, s, "CREATE ROLE plain LOGIN", "GRANT CREATE ON DATABASE postgres TO plain")
	var conns []*pgx.Conn
	use := func(n int) { // by another role, whose connections this one does not see all of
		for range n {
			conn, err := pgx.Connect(ctx, s.URL("postgres"))
			must(t, err)
			conns = append(conns, conn)
		}
	}
	free := func() {
		for _, conn := range conns {
			must(t, conn.Close(ctx))
		}
		conns = nil
	}
	use(9)
	w := open(t, Options{URL: at(s, "postgres", as("plain", "")), Connections: 1})
	other := open(t, Options{URL: w.o.URL, Schema: w.o.Schema, Connections: 1})
	seen := other.follow()
	for _, id := range []string{"req_1", "req_2"} {
		w.must(id)
		expect(t, seen, id)
	}
	if other.listens() {
		t.Error("it listens to a server that is half full")
	}
	free()
	eventually(t, "LISTEN, once there is room", other.listens)
	use(13)
	eventually(t, "no LISTEN, when others need the connections", func() bool { return !other.listens() })
	w.must("req_3")
	expect(t, seen, "req_3")
	free()
	eventually(t, "LISTEN, once there is room again", other.listens)
}

func TestAStoreHasFewConnections(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	for limit, want := range map[int]int{0: 4, 1: 2, 2: 3} { // with the one that listens
		w := open(t, Options{URL: s.URL("postgres"), Connections: limit, Application: schema()})
		seen := w.follow()
		eventually(t, "LISTEN", w.listens)
		var working sync.WaitGroup
		for i := range 20 {
			working.Go(func() {
				_, err := readAll(ctx, w.Store, plain[string], "SELECT pg_sleep(0.05)::text")
				check(t, err)
				w.must(fmt.Sprintf("req_%d", i))
			})
		}
		working.Wait()
		for range 20 {
			<-seen
		}
		// The pool keeps its connections.
		n, _, err := readOne(ctx, w.Store, plain[int], "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", w.o.Application)
		must(t, err)
		if n != want {
			t.Errorf("with the limit %d it has %d connections, want %d", limit, n, want)
		}
	}
}

func TestABusyServerIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		time.Sleep(connectLimit + time.Second) // before it answers
		server, err := net.Dial("tcp", address(s))
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		_, _ = io.Copy(client, server)
	}()
	w := open(t, Options{URL: at(s, "postgres", func(u *url.URL) { u.Host = listener.Addr().String() }), Connections: 1})
	w.must("req_1")
	w.close()
}

func TestAServerThatVanishes(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	p := newProxy(t, s)
	w := open(t, Options{URL: p.url(s), Connections: 1})
	w.must("req_1")
	p.next(vanish)
	fails(t, "a write", func() error { _, err := w.deliver("req_2"); return err })
	w.must("req_3") // by another connection
	same(t, "callbacks", []string{"req_1", "req_3"}, w.ids())
	p.next(vanish)
	fails(t, "a write", func() error { _, err := w.deliver("req_4"); return err })
	p.setGone(true)
	began := time.Now()
	w.close()
	if took := time.Since(began); took > 15*time.Second { // for which pgx would wait
		t.Errorf("closing took %v", took)
	}
}

// raising makes the next inserts into the table fail with the error code.
func raising(t testing.TB, w *world, table, code string, times int) {
	t.Helper()
	conn, err := pgx.Connect(ctx, w.o.URL)
	must(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, w.sql(`DROP TRIGGER IF EXISTS raising ON @`+table+`; CREATE SEQUENCE IF NOT EXISTS @raised; ALTER SEQUENCE @raised RESTART;
		CREATE OR REPLACE FUNCTION @raising() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('@raised') <= TG_ARGV[1]::bigint THEN RAISE EXCEPTION 'raised' USING ERRCODE = TG_ARGV[0]; END IF;
			RETURN NEW;
		END $$; CREATE TRIGGER raising BEFORE INSERT ON @`+table+` FOR EACH ROW EXECUTE FUNCTION @raising('`+code+`', '`)+strconv.Itoa(times)+`')`, pgx.QueryExecModeSimpleProtocol)
	must(t, err)
}

func TestErrorsOfTheServer(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	w.must("req_0")
	for _, code := range []string{codeDeadlock, codeSerialization, codeCancelled, codeLockTimeout} {
		raising(t, w, "deliveries", code, 2)
		w.must("req_" + code) // is repeated
	}
	const forever = 1_000_000
	raising(t, w, "deliveries", codeFull, forever)
	_, err := w.deliver("req_full")
	where := "the store " + w.where + ": "
	same(t, "a full disk", described{Message: where + "the disk of the server is full", Hint: "free space on the server's disk", Unreachable: true, Temporary: true}, describe(asError(t, err)))
	raising(t, w, "deliveries", "22000", forever) // of the data
	_, err = w.deliver("req_data")
	same(t, "an error of the data", described{Message: where + "raised"}, describe(asError(t, err)))
	raising(t, w, "deliveries", codeDeadlock, forever)
	_, err = w.deliver("req_deadlock")
	if e := asError(t, err); !e.Temporary() {
		t.Errorf("a deadlock that remains: %v is not temporary", e)
	}
	raising(t, w, "deliveries", codeFull, 0)
	w.must("req_full")
	same(t, "stored", []string{"req_0", "req_" + codeDeadlock, "req_" + codeSerialization, "req_" + codeCancelled, "req_" + codeLockTimeout, "req_full"}, w.ids())
}

// blocked waits until another connection waits for a lock of the transaction of this one.
func (w *world) blocked(by *pgx.Conn) {
	w.t.Helper()
	eventually(w.t, "waiting for the lock", func() bool {
		n, _, err := readOne(ctx, w.Store, plain[int], "SELECT count(*) FROM pg_locks l JOIN pg_locks h USING (transactionid) WHERE NOT l.granted AND h.granted AND h.pid = $1", int32(by.PgConn().PID()))
		return err == nil && n > 0
	})
}

func TestADeadlockIsRepeated(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	t1, t2 := prepare(w)
	conn, err := pgx.Connect(ctx, w.o.URL)
	must(t, err)
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	must(t, err)
	lock := w.sql("SELECT 1 FROM @tasks WHERE number = $1 FOR UPDATE")
	_, err = tx.Exec(ctx, lock, t2)
	must(t, err)
	written := make(chan error, 1)
	go func() {
		written <- w.Write(ctx, &store.Retry{Task: t2, At: later}, &store.Accept{Task: t1, RequestID: "req_t", At: later})
	}()
	w.blocked(conn)
	_, err = tx.Exec(ctx, lock, t1) // one of the two fails
	if err == nil {
		must(t, tx.Commit(ctx))
	} else {
		must(t, tx.Rollback(ctx))
	}
	must(t, <-written)
}
