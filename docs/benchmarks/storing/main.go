// Storing is a bare receiver of callbacks: it inserts the same rows in the same groups as
// narada listen with a ledger in PostgreSQL, and checks nothing.
//
//	storing URL SCHEMA
//
// It makes the schema as narada does, prints its address and runs until stdin is closed.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store/engine"
	"github.com/narada-cli/narada/pkg/store/postgres"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: storing URL SCHEMA")
		os.Exit(2)
	}
	if err := serve(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "storing:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, url, schema string) error {
	kept, err := postgres.Open(ctx, postgres.Options{URL: url, Schema: schema}) // makes the tables
	if err != nil {
		return err
	}
	if err := kept.Close(); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	r := &receiver{conn: conn, insert: strings.ReplaceAll(insert, "@", pgx.Identifier{schema}.Sanitize()+".")}
	r.groups = engine.NewGroups(func(*callback) bool { return true }, r.commit)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", l.Addr())
	server := &http.Server{Handler: r}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	r.groups.Close()
	return conn.Close(ctx)
}

// callback is a row of each table.
type callback struct {
	RequestID   string    `json:"requestId"`
	Status      string    `json:"status"`
	CreatedAt   time.Time `json:"createdAt"`
	CompletedAt time.Time `json:"completedAt"`

	receivedAt   time.Time
	path         string
	header, body []byte
	digest       [sha256.Size]byte
}

// receiver inserts callbacks, those that arrive while it waits for the disk in one
// transaction.
type receiver struct {
	conn   *pgx.Conn
	insert string
	groups *engine.Groups[*callback]
	seq    int64
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	c := &callback{receivedAt: time.Now(), path: req.URL.Path, header: []byte(engine.EncodeHeader(req.Header)), body: body, digest: sha256.Sum256(body)}
	if err == nil {
		err = json.Unmarshal(body, c)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := r.groups.Put(req.Context(), c); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, `{"received":true}`)
}

// insert inserts callbacks, and a task for each.
const insert = `WITH added AS (
	INSERT INTO @deliveries (seq, received_at, request_id, digest, ticket_path, status, final, duration_ms, actions, microcredits, header, body)
		SELECT $1 + row_number() OVER (), i.received_at, i.id, i.digest, i.path, i.status, true, i.duration, 0, 0, i.header, i.body
		FROM unnest($2::timestamptz[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[])
			AS i (received_at, id, digest, path, status, duration, header, body)
		RETURNING received_at, request_id, status, duration_ms)
	INSERT INTO @tasks (dispatched_at, request_id, source, status, reported_by, finished_at, duration_ms)
		SELECT received_at, request_id, 'callback', status, 'callback', received_at, duration_ms FROM added`

// commit inserts a group in one transaction.
func (r *receiver) commit(group []*callback) []error {
	var received []time.Time
	var ids, paths, statuses []string
	var digests, headers, bodies [][]byte
	var durations []int64
	for _, c := range group {
		received, ids, paths, statuses = append(received, c.receivedAt), append(ids, c.RequestID), append(paths, c.path), append(statuses, c.Status)
		digests, headers, bodies = append(digests, c.digest[:]), append(headers, c.header), append(bodies, c.body)
		durations = append(durations, c.CompletedAt.Sub(c.CreatedAt).Milliseconds())
	}
	_, err := r.conn.Exec(context.Background(), r.insert, r.seq, received, ids, digests, paths, statuses, durations, headers, bodies)
	if err == nil {
		r.seq += int64(len(group))
	}
	errs := make([]error, len(group))
	for i := range errs {
		errs[i] = err
	}
	return errs
}
