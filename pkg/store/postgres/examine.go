package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
)

// roundTrips is how often the server is asked, to get the middle duration.
const roundTrips = 5

// Examine returns what is known of the server. It changes nothing there. The error, an *Error,
// is that it cannot be reached.
func Examine(ctx context.Context, o Options) (s store.Server, err error) {
	l, err := newStore(o)
	if err != nil {
		return s, err
	}
	defer l.pool.Close()
	l.examined = true
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	conn, err := l.connect(limited)
	if err != nil {
		return s, l.newError(err)
	}
	defer conn.Release()
	s, err = l.examine(limited, conn.Conn())
	return s, l.newError(err)
}

func (l *Store) examine(ctx context.Context, conn *pgx.Conn) (s store.Server, err error) {
	s.Where, s.Schema, s.Version = l.where, l.o.Schema, conn.PgConn().ParameterStatus("server_version")
	found := foundOf(conn)
	s.Settings = fmt.Sprintf("fsync %s, full_page_writes %s, synchronous_commit %s, synchronous_standby_names %q", found.fsync, found.pages, found.level, found.standbys)
	if s.Unusable = found.usable(l.o.AllowUnsafe); majorVersion(s.Version) < oldest {
		s.Unusable = &oldError{s.Version}
	}
	s.Unusable = l.newError(s.Unusable)
	var used float64
	if err := conn.QueryRow(ctx, usedQuery).Scan(&used); err != nil {
		return s, err
	}
	switch {
	case found.pid != int64(conn.PgConn().PID()):
		s.Polling = "a pooler may give each transaction another connection"
	case used >= usedToListen:
		s.Polling = "half of the server's connections are in use"
	}
	if err := l.rights(ctx, conn, &s); err != nil {
		return s, err
	}
	var seconds float64
	err = conn.QueryRow(ctx, `SELECT pid::bigint, extract(epoch FROM clock_timestamp() - xact_start)::double precision FROM (
		SELECT pid, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend'
		UNION ALL SELECT 0, prepared FROM pg_prepared_xacts) x ORDER BY xact_start LIMIT 1`).Scan(&s.OldestPID, &seconds)
	if err != nil {
		return s, err
	}
	s.Oldest = time.Duration(seconds * float64(time.Second))
	var took []time.Duration
	for range roundTrips {
		began := time.Now()
		if err := conn.Ping(ctx); err != nil {
			return s, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	s.RoundTrip = took[len(took)/2]
	return s, nil
}

// rights finds out what the role may do in the schema.
func (l *Store) rights(ctx context.Context, conn *pgx.Conn, s *store.Server) error {
	var there, use, create, createSchema bool
	var closed int
	err := conn.QueryRow(ctx, `SELECT current_user::text, n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false),
			has_database_privilege(current_database(), 'CREATE'),
			(SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND NOT
				(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
		FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1`, l.o.Schema).Scan(&s.Role, &there, &use, &create, &createSchema, &closed)
	if err != nil {
		return err
	}
	schema, role := quoted(l.o.Schema), quoted(s.Role)
	switch {
	case !there && !createSchema:
		s.Grant = fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s", schema, role)
	case there && (!use || closed > 0):
		s.Grant = fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %[1]s TO %[2]s; GRANT ALL ON ALL TABLES IN SCHEMA %[1]s TO %[2]s; GRANT ALL ON ALL SEQUENCES IN SCHEMA %[1]s TO %[2]s", schema, role)
	}
	s.Fixed = there && !create
	return nil
}
