package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// oldest is the oldest version of PostgreSQL that a ledger can be on.
const oldest = 15

// server is what Open found out about the server.
type server struct {
	version string
	pooler  bool // it is behind a pooler, whose connections cannot LISTEN
}

// config returns the configuration of the connections, and sets l.where. libpq's environment
// variables, password file and service file are read.
func (l *Store) config() (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(l.o.URL)
	if err != nil {
		return nil, &Error{Err: errors.New(urlReason(l.o.URL, err))}
	}
	c := config.ConnConfig
	l.where = fmt.Sprintf("%s on %s", cmp.Or(c.Database, c.User), strings.Join(hosts(c), ", "))
	config.MaxConns, config.MinConns = int32(cmp.Or(l.o.Connections, 3)), 0
	config.MaxConnIdleTime = 5 * time.Minute
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectLimit
		if len(hosts(c)) == 1 { // there is no other one: a busy server is waited for
			c.ConnectTimeout = openLimit
		}
	}
	// Statements are described once and never prepared by name: a pooler may give each
	// transaction another connection.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if l.o.Application != "" {
		c.RuntimeParams["application_name"] = l.o.Application
	}
	c.OnNotice = noteWarning
	c.DialFunc = dial
	config.AfterConnect = l.connected
	return config, nil
}

// foundKey is the key of a connection's data: what was found out about its server.
const foundKey = "found"

// connected refuses the server of a new connection if it cannot have a ledger. It may be
// another one than before, or have been started with other settings.
func (l *Store) connected(ctx context.Context, conn *pgx.Conn) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	version := conn.PgConn().ParameterStatus("server_version")
	if majorVersion(version) < oldest && !l.examined {
		return &oldError{version}
	}
	f, err := look(limited, conn)
	conn.PgConn().CustomData()[foundKey] = f
	if err != nil || l.examined {
		return err
	}
	return f.usable(l.o.AllowUnsafe)
}

func foundOf(conn *pgx.Conn) found { return conn.PgConn().CustomData()[foundKey].(found) }

// dial connects, and notices a server that has vanished while it listens.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectLimit, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return boundedConn{c}, nil
}

// boundedConn bounds the end of a connection whose server does not answer: pgx waits for it
// for 15 s, in which the connection counts as one of the few.
type boundedConn struct{ net.Conn }

func (c boundedConn) SetDeadline(t time.Time) error {
	if limit := time.Now().Add(disconnectLimit); t.After(limit) {
		t = limit
	}
	return c.Conn.SetDeadline(t)
}

// inQuotes may be a part of a password.
var inQuotes = regexp.MustCompile(`"[^"]*"`)

// urlReason is why a URL cannot be used, without the URL, which may have a password. The
// error of pgx has it in backquotes.
func urlReason(url string, err error) string {
	if scheme, _, ok := strings.Cut(url, "://"); ok && scheme != "postgres" && scheme != "postgresql" {
		return "the URL is wrong: it does not begin with postgres://"
	}
	text := oneLine(err)
	return "the URL is wrong: " + inQuotes.ReplaceAllString(text[strings.LastIndex(text, "`")+len("`: "):], `"..."`)
}

// hosts returns the addresses of the servers, each once.
func hosts(c *pgx.ConnConfig) (list []string) {
	add := func(host string, port uint16) {
		address := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if strings.HasPrefix(host, "/") {
			address = host
		}
		if !slices.Contains(list, address) {
			list = append(list, address)
		}
	}
	add(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		add(f.Host, f.Port)
	}
	return list
}

// open connects to the server and migrates the schema.
func (l *Store) open(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	l.server.version = conn.Conn().PgConn().ParameterStatus("server_version")
	l.server.pooler = foundOf(conn.Conn()).pid != int64(conn.Conn().PgConn().PID())
	return l.migrate(ctx, conn.Conn())
}

// connect returns a connection. It waits for a server that is starting, and for one that has
// no connection left. The last attempt may be cut off: the error is that of the one before.
func (l *Store) connect(ctx context.Context) (*pgxpool.Conn, error) {
	var before error
	for {
		conn, err := l.pool.Acquire(ctx)
		code := sqlState(err)
		switch waits := code == codeStarting || code == codeTooMany; {
		case before != nil && err != nil && ctx.Err() != nil:
			return nil, before
		case !waits:
			return conn, readOnlyNamed(err)
		}
		if before = err; !pause(ctx) {
			return nil, err
		}
	}
}

// readOnlyNamed gives the error of pgx for a server that can only be read a name.
func readOnlyNamed(err error) error {
	if err != nil && strings.Contains(err.Error(), "read only connection") {
		return fmt.Errorf("%w (target_session_attrs)", errStandby)
	}
	return err
}

// majorVersion returns the first number of a version such as "15.18 (Debian 15.18-0)" or
// "16beta1", 0 if there is none.
func majorVersion(version string) int {
	digits := strings.TrimLeft(version, "0123456789")
	major, _ := strconv.Atoi(strings.TrimSuffix(version, digits))
	return major
}

// found is the state of a server.
type found struct {
	pid                 int64 // of the process that serves the connection
	standby, readOnly   bool
	encoding            string
	fsync, pages, level string // fsync, full_page_writes, synchronous_commit
	standbys            string // synchronous_standby_names
}

func look(ctx context.Context, conn *pgx.Conn) (f found, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()::bigint, pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
		current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
		current_setting('synchronous_standby_names')`).Scan(&f.pid, &f.standby, &f.readOnly, &f.encoding, &f.fsync, &f.pages, &f.level, &f.standbys)
	return f, err
}

// usable returns why the server cannot have a ledger.
func (f found) usable(allowUnsafe bool) error {
	switch {
	case f.standby || f.readOnly:
		return errStandby
	case f.encoding != "UTF8":
		return errEncoding
	case allowUnsafe:
		return nil
	}
	return f.unsafe()
}

// unsafe returns the setting with which the server may lose what it has committed.
func (f found) unsafe() error {
	if f.fsync != "on" {
		return &unsafeError{"fsync", f.fsync}
	}
	if f.pages != "on" {
		return &unsafeError{"full_page_writes", f.pages}
	}
	if f.level == "off" || f.standbys != "" && (f.level == "local" || f.level == "remote_write") {
		return &unsafeError{"synchronous_commit", f.level}
	}
	return nil
}

// warned is the key of a connection's data: it has sent a warning since it was cleared.
const warned = "warned"

// noteWarning notes a warning. A commit that warns has not reached the standby.
func noteWarning(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.SeverityUnlocalized == "WARNING" {
		conn.CustomData()[warned] = true
	}
}

// pause waits for retryPause and reports whether ctx has not ended.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryPause):
		return true
	case <-ctx.Done():
		return false
	}
}
