//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoPooler says that this machine has no pgbouncer.
var ErrNoPooler = errors.New("no pgbouncer on this machine: install Debian's package pgbouncer")

// Pooler is a pgbouncer before a server, which may give each transaction of a client another
// connection.
type Pooler struct {
	port int
	dir  string
	cmd  *exec.Cmd
}

// Pool starts a Pooler with that many connections. Close it. The error is ErrNoPooler if
// there is none.
func (s *Server) Pool(ctx context.Context, connections int) (*Pooler, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		return nil, ErrNoPooler
	}
	own, err := newServer() // for its folder and port
	if err != nil {
		return nil, err
	}
	p := &Pooler{port: own.Port, dir: own.dir}
	settings := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = any\npool_mode = transaction\nmax_client_conn = 1000\ndefault_pool_size = %d\nignore_startup_parameters = extra_float_digits\n", s.Port, p.port, connections)
	if err := own.WriteFile("pgbouncer.ini", settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	p.cmd = own.command(context.WithoutCancel(ctx), "pgbouncer", filepath.Join(p.dir, "pgbouncer.ini"))
	p.cmd.Path = program
	var log strings.Builder
	p.cmd.Stderr = &log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(limited, p.URL("postgres"))
		if err == nil {
			return p, conn.Close(limited)
		}
		select {
		case <-limited.Done():
			err := p.Close() // before the log is read
			return nil, errors.Join(fmt.Errorf("pgbouncer does not answer: %s", log.String()), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL returns the URL of a database.
func (p *Pooler) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", net.JoinHostPort("127.0.0.1", fmt.Sprint(p.port)), database)
}

// Close ends the pooler and removes its folder.
func (p *Pooler) Close() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	return os.RemoveAll(p.dir)
}
