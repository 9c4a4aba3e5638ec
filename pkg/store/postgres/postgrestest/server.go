//go:build unix

// Package postgrestest runs real PostgreSQL servers for tests, in temporary folders, from
// the programs of this machine.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// RequiredVariable is the environment variable that makes a missing PostgreSQL a failure.
const RequiredVariable = "NARADA_TEST_POSTGRES"

// startLimit bounds the start and the end of a server.
const startLimit = 60 * time.Second

// ErrNone says that this machine has no PostgreSQL.
var ErrNone = errors.New("no PostgreSQL on this machine: install Debian's package postgresql, or put initdb and postgres on the PATH")

// Require skips the test, or fails if RequiredVariable is "required", where there is no
// PostgreSQL.
func Require(t testing.TB) {
	t.Helper()
	if _, err := programs(); err != nil {
		if os.Getenv(RequiredVariable) == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Installed reports whether there is a PostgreSQL, or has to be one.
func Installed() bool {
	_, err := programs()
	return err == nil || os.Getenv(RequiredVariable) == "required"
}

// programs returns the folder of the newest server's programs.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path) // to the others
		return filepath.Dir(path), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", ErrNone
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// version is the number in a path such as /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// Server is a PostgreSQL server with the superuser "postgres", who needs no password.
type Server struct {
	Port int

	bin, dir string // of the programs, of the data
	cmd      *exec.Cmd
	log      *bytes.Buffer
	ended    chan error
}

// New makes a server with more lines for its postgresql.conf, and starts it. Close it.
func New(ctx context.Context, settings ...string) (*Server, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	out, err := s.command(ctx, "initdb", "--pgdata", s.dir, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), s.Close())
	}
	// The files of a new database are not synced, its transactions are.
	lines := append([]string{"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 300", "wal_level = replica", "hot_standby = on"}, settings...)
	if err := s.Configure(lines...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newServer() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "narada-postgres-")
	if err != nil {
		return nil, err
	}
	listener, err := listen()
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	s := &Server{Port: listener.Addr().(*net.TCPAddr).Port, bin: bin, dir: dir}
	return s, errors.Join(listener.Close(), own(dir))
}

// Ports of servers: below those that the system gives to others, which could take that of a
// server while it is stopped.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// listen listens on a port for a server, which is free.
func listen() (l net.Listener, err error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// Standby makes a standby of the server with a copy of its data, and starts it. Close it.
func (s *Server) Standby(ctx context.Context, name string) (*Server, error) {
	standby, err := newServer()
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=%s", s.Port, name)
	out, err := standby.command(ctx, "pg_basebackup", "--pgdata", standby.dir, "--dbname", source, "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast").CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w: %s", err, out), standby.Close())
	}
	if err := standby.Start(ctx); err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// Configure adds lines to postgresql.conf. They count from the next Start or Reload on.
func (s *Server) Configure(lines ...string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// Authenticate replaces pg_hba.conf by lines.
func (s *Server) Authenticate(lines ...string) error {
	return s.WriteFile("pg_hba.conf", strings.Join(lines, "\n")+"\n")
}

// WriteFile writes a file in the server's folder, which only the server can read.
func (s *Server) WriteFile(name, content string) error {
	path := filepath.Join(s.dir, name)
	return errors.Join(os.WriteFile(path, []byte(content), 0o600), own(path))
}

// Folder makes a folder in the server's, to which it may write.
func (s *Server) Folder(name string) (path string, err error) {
	path = filepath.Join(s.dir, name)
	return path, errors.Join(os.Mkdir(path, 0o700), own(path))
}

// Start starts the server and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	s.log = &bytes.Buffer{}
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", "-D", s.dir, "-p", strconv.Itoa(s.Port))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	s.ended = ended
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(s.cmd)
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(limited, s.URL("postgres"))
		if err == nil {
			return conn.Close(limited)
		}
		select {
		case failed := <-ended:
			ended <- failed
			return fmt.Errorf("postgres has ended: %v: %s", failed, s.log)
		case <-limited.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL returns the URL of a database.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Exec executes statements in a database as the superuser.
func (s *Server) Exec(ctx context.Context, database, statements string) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements, pgx.QueryExecModeSimpleProtocol)
	return errors.Join(err, conn.Close(ctx))
}

// Backup copies a schema of a database to another database, as pg_dump and psql do.
func (s *Server) Backup(ctx context.Context, from, schema, to string) error {
	dump, err := s.command(ctx, "pg_dump", "--dbname", s.URL(from), "--schema", strconv.Quote(schema)).Output()
	if err != nil {
		return fmt.Errorf("pg_dump: %w", err)
	}
	restore := s.command(ctx, "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", os.DevNull, s.URL(to))
	restore.Stdin = bytes.NewReader(dump)
	if out, err := restore.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

// Reload makes the server read its configuration again.
func (s *Server) Reload() error { return s.cmd.Process.Signal(syscall.SIGHUP) }

// Promote makes a standby a primary and waits for it.
func (s *Server) Promote(ctx context.Context) error {
	return s.Exec(ctx, "postgres", "SELECT pg_promote(true, 60)")
}

// Kill kills the server and all of its processes, as a crash of the machine does, and waits
// for its end.
func (s *Server) Kill() {
	for _, pid := range append(children(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	s.wait()
}

// Stop ends the server: its clients are disconnected, and what they do is undone.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	s.wait()
}

func (s *Server) wait() {
	err := <-s.ended
	s.ended <- err
}

// Close ends the server, if it is running, and removes its folder.
func (s *Server) Close() error {
	if s.ended != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		s.wait()
	}
	return os.RemoveAll(s.dir)
}
