package postgres

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// committer commits groups of writes. Only the writer's goroutine uses it.
type committer struct {
	ledger  *Store
	id      uuid.UUID    // of this Store's row in writers
	last    int64        // number of the last transaction
	lost    bool         // the server did not answer the last one
	doubt   *transaction // one that may have been committed
	unsent  []store.Op   // refuse the tasks of one that was, after its write had failed
	pending atomic.Bool  // doubt or unsent is set
	noted   sync.RWMutex // held from before a commit until own has its callbacks
}

// wait returns when own has the callbacks of all that is committed by now.
func (c *committer) wait() {
	c.noted.RLock()
	defer c.noted.RUnlock()
}

// transaction is what a group, or one write of it, changes.
type transaction struct {
	number     int64
	statements []statement
	writes     []*write
	stored     []*engine.Delivery // set as the server answers; not repeats

	// Of the tasks that are changed, which are locked first.
	numbers    []int64
	paths, ids []string
}

// commit commits the group in one transaction and returns the errors of its writes. If one
// of the writes fails, each has a transaction of its own.
func (c *committer) commit(group []*write) []error {
	errs := make([]error, len(group))
	err := c.commitAll(group)
	for i := range errs {
		if errs[i] = err; err != nil && len(group) > 1 && !temporary(err) {
			errs[i] = c.commitAll(group[i : i+1])
		}
	}
	return errs
}

// commitAll commits the group in one transaction.
func (c *committer) commitAll(group []*write) error {
	if err := c.settle(); err != nil {
		return err
	}
	t, err := c.run(group)
	if err != nil {
		return reusedID(group, err)
	}
	fresh := map[*store.Deliver]bool{}
	for _, d := range t.stored {
		fresh[d.Op] = true
	}
	for _, one := range group {
		for op := range one.deliveries {
			op.IsNew = fresh[op]
		}
	}
	c.report(t)
	return nil
}

// report reports the callbacks of a committed transaction.
func (c *committer) report(t *transaction) {
	for _, d := range t.stored {
		if !d.Op.Forwarding.Unlisted {
			c.ledger.o.Stored(d.Entry())
		}
	}
	if len(t.stored) > 0 {
		c.ledger.wake.stored()
	}
}

// noteLost warns once that the server is not there.
func (c *committer) noteLost(err error) {
	lost := err != nil && disconnected(err)
	if lost && !c.lost {
		c.ledger.o.Warn(c.ledger.newError(err).Error())
	}
	if !lost && c.lost {
		c.ledger.o.Warn("the store " + c.ledger.where + " is there again")
	}
	c.lost = lost
}

// reusedID gives the error of an Accept its type, and that of a lost lease.
func reusedID(group []*write, err error) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if ok && server.Code == codeLeaseLost {
		return store.ErrLeaseLost
	}
	if !ok || server.Code != codeReusedID {
		return err
	}
	for _, one := range group {
		for _, op := range one.ops {
			if accept, ok := op.(*store.Accept); ok {
				number, _ := strconv.ParseInt(server.Detail, 10, 64)
				return &store.ReusedIDError{RequestID: accept.RequestID, Task: number}
			}
		}
	}
	return err
}

// compile returns the statements of the group, with the numbers of its new tasks and
// batches: known before, they need not be asked for after a commit whose answer was lost.
func (c *committer) compile(ctx context.Context, group []*write) (*transaction, error) {
	c.last++
	t := &transaction{number: c.last, writes: group, numbers: []int64{}, paths: []string{}, ids: []string{}}
	if err := c.number(ctx, group); err != nil {
		return nil, err
	}
	pending := newDeliveries(&c.ledger.tickets)
	flush := func() {
		if len(pending.list) > 0 {
			t.statements = append(t.statements, pending.statement(c.id, func(d *engine.Delivery) { t.stored = append(t.stored, d) }))
			pending = newDeliveries(&c.ledger.tickets)
		}
	}
	for _, one := range group {
		for _, op := range one.ops {
			t.note(op)
			if deliver, ok := op.(*store.Deliver); ok {
				if d := one.deliveries[deliver]; !pending.add(d) {
					flush()
					pending.add(d)
				}
				continue
			}
			flush()
			s, err := c.ledger.statement(op)
			if err != nil {
				return nil, err
			}
			t.statements = append(t.statements, s)
		}
		if len(one.do) > 0 {
			flush()
			t.statements = append(t.statements, one.do...)
		}
	}
	flush()
	return t, nil
}

// note notes which task the op changes.
func (t *transaction) note(op store.Op) {
	switch op := op.(type) {
	case *store.Deliver:
		t.paths, t.ids = append(t.paths, op.Ticket.Path), append(t.ids, op.Result.RequestID)
	case *store.Accept:
		t.numbers, t.ids = append(t.numbers, op.Task), append(t.ids, op.RequestID)
	case *store.AcceptTwice:
		t.numbers, t.ids = append(t.numbers, op.Task), append(t.ids, op.RequestID)
	case *store.Refuse:
		t.numbers = append(t.numbers, op.Task)
	case *store.Retry:
		t.numbers = append(t.numbers, op.Task)
	case *store.Poll:
		t.ids = append(t.ids, op.Result.RequestID)
	}
}

// number gives the new tasks and batches of the group their numbers.
func (c *committer) number(ctx context.Context, group []*write) error {
	var tasks, batches []*int64
	for _, one := range group {
		for _, op := range one.ops {
			switch op := op.(type) {
			case *store.Intend:
				tasks = append(tasks, &op.Number)
			case *store.PutBatch:
				if op.Number = op.Batch.Number; op.Number == 0 {
					batches = append(batches, &op.Number)
				}
			}
		}
	}
	for sequence, numbers := range map[string][]*int64{"tasks_number_seq": tasks, "batches_number_seq": batches} {
		if len(numbers) == 0 {
			continue
		}
		rows, err := c.ledger.pool.Query(ctx, c.ledger.sql("SELECT nextval('@"+sequence+"') FROM generate_series(1, $1::integer)"), len(numbers))
		list, err := scanAll(rows, err, plain[int64])
		if err != nil {
			return err
		}
		for i, n := range list {
			*numbers[i] = n
		}
	}
	return nil
}

// run commits the group in one transaction. After a lost connection it asks whether it was
// committed, and repeats it if not, within the limit: with new numbers, since a server that
// has crashed may have given the others to another process.
func (c *committer) run(group []*write) (t *transaction, err error) {
	c.noted.Lock()
	defer c.noted.Unlock()
	limit := writeLimit
	if c.lost {
		limit = 0 // one attempt: others wait
	}
	t, err = repeatedly(limit, func(ctx context.Context) (*transaction, error) {
		if t := c.doubt; t != nil { // of the previous attempt
			if committed, err := c.ask(ctx); committed || err != nil {
				return t, err
			}
		}
		t, err := c.compile(ctx, group)
		if err != nil {
			return nil, err
		}
		return t, c.try(ctx, t)
	})
	c.noteLost(err)
	c.pending.Store(c.doubt != nil || len(c.unsent) > 0)
	if err == nil {
		c.ledger.own.Note(t.stored, true)
	}
	return t, err
}

// try sends the transaction. The error is errInDoubt if it may have been committed.
func (c *committer) try(ctx context.Context, t *transaction) error {
	conn, err := c.ledger.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	batch := &pgx.Batch{}
	batch.Queue(c.ledger.sql("SELECT @began($1, $2, $3, $4, $5)"), c.id, t.number, t.numbers, t.paths, t.ids)
	for _, s := range t.statements {
		batch.Queue(c.ledger.sql(s.query), s.args...)
	}
	data := conn.Conn().PgConn().CustomData()
	delete(data, warned)
	results := conn.SendBatch(ctx, batch)
	err = readResults(results, t.statements)
	if closed := results.Close(); err == nil { // which commits
		err = closed
	}
	switch {
	case sqlState(err) == codeReadOnly: // it has become a standby
		c.ledger.pool.Reset()
	case err == nil && data[warned] != nil:
		c.doubt = t
		return errNotSync
	case err != nil && !undone(err):
		c.doubt = t
		return errors.Join(errInDoubt, err)
	}
	return err
}

// undone reports whether the error of a transaction says that it was not committed.
func undone(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.SeverityUnlocalized == "ERROR" // others end the connection at any time
	}
	return pgconn.SafeToRetry(err)
}

func readResults(results pgx.BatchResults, statements []statement) error {
	if _, err := results.Exec(); err != nil { // of began
		return err
	}
	for _, s := range statements {
		rows, err := results.Query()
		if err == nil && s.scan != nil {
			err = eachRow(rows, nil, s.scan)
		} else {
			rows.Close()
			err = errors.Join(err, rows.Err())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ask finds out whether the transaction in doubt was committed. If it was not, it no longer
// can be. It sets the callbacks that it stored.
func (c *committer) ask(ctx context.Context) (committed bool, err error) {
	t := c.doubt
	conn, err := c.ledger.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	data := conn.Conn().PgConn().CustomData()
	delete(data, warned)
	var last, after, newest int64
	if err := conn.QueryRow(ctx, c.ledger.sql("SELECT last, seq_after, seq_last FROM @asked($1, $2)"), c.id, t.number).Scan(&last, &after, &newest); err != nil {
		return false, err
	}
	if data[warned] != nil { // what was committed before has not reached the standby either
		return false, errNotSync
	}
	if last != t.number {
		c.doubt = nil
		return false, nil
	}
	t.stored = nil
	if newest > after {
		if err := c.readStored(ctx, conn.Conn(), t, after, newest); err != nil {
			return false, err
		}
	}
	c.doubt = nil
	return true, nil
}

// readStored sets which callbacks the transaction has stored.
func (c *committer) readStored(ctx context.Context, conn *pgx.Conn, t *transaction, after, newest int64) error {
	type key struct{ id, digest string }
	byKey := map[key]*engine.Delivery{}
	for _, one := range t.writes {
		for _, op := range one.ops {
			if d := one.deliveries[asDeliver(op)]; d != nil && byKey[key{d.ID, string(d.Digest[:])}] == nil { // later ones are repeats
				byKey[key{d.ID, string(d.Digest[:])}] = d
			}
		}
	}
	rows, err := conn.Query(ctx, c.ledger.sql(`SELECT seq, request_id, digest, EXISTS (SELECT 1 FROM @deliveries e WHERE e.request_id = d.request_id AND e.final AND e.seq < d.seq)
		FROM @deliveries d WHERE seq > $1 AND seq <= $2 ORDER BY seq`), after, newest)
	return eachRow(rows, err, func(row scanner) error {
		var seq int64
		var id string
		var digest []byte
		var ended bool
		if err := row.Scan(&seq, &id, &digest, &ended); err != nil {
			return err
		}
		if d := byKey[key{id, string(digest)}]; d != nil {
			d.Seq, d.Ended = seq, ended
			t.stored = append(t.stored, d)
		}
		return nil
	})
}

func asDeliver(op store.Op) *store.Deliver {
	deliver, _ := op.(*store.Deliver)
	return deliver
}

// settle finds out what has become of an earlier transaction in doubt, whose writes were
// reported as failed: its callbacks are reported, and its tasks, which were not sent, refused.
func (c *committer) settle() error {
	if t := c.doubt; t != nil {
		committed, err := repeatedly(0, c.ask)
		c.noteLost(err)
		if err != nil {
			return err
		}
		if committed {
			c.ledger.own.Note(t.stored, true)
			c.report(t)
			c.unsent = append(c.unsent, t.unsent()...)
		}
	}
	if len(c.unsent) > 0 {
		if _, err := c.run([]*write{{ops: c.unsent}}); err != nil {
			return err
		}
		c.unsent = nil
	}
	c.pending.Store(false)
	return nil
}

// unsent returns the ops that refuse the tasks of the transaction.
func (t *transaction) unsent() (ops []store.Op) {
	for _, one := range t.writes {
		for _, op := range one.ops {
			switch op := op.(type) {
			case *store.Intend:
				ops = append(ops, &store.Refuse{Task: op.Number, At: op.At})
			case *store.Retry:
				ops = append(ops, &store.Refuse{Task: op.Task, At: op.At})
			}
		}
	}
	return ops
}

// repeatedly calls do until it succeeds or its error is not that of a connection, another
// transaction or a starting server, or the limit has passed. With a limit of 0 it is called
// once.
func repeatedly[T any](limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), max(limit, connectLimit))
	defer cancel()
	for began := time.Now(); ; {
		result, err := do(ctx)
		if err == nil || !repeatable(err) || time.Since(began) >= limit || !pause(ctx) {
			return result, err
		}
	}
}

// forget deletes this Store's row in writers, and those of processes that were killed.
func (c *committer) forget() {
	if c.last == 0 || c.lost || c.doubt != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue("SELECT set_config('synchronous_commit', 'off', true)")
	batch.Queue(c.ledger.sql("DELETE FROM @writers WHERE id = $1 OR id IN (SELECT id FROM @writers WHERE at < clock_timestamp() - interval '7 days' FOR UPDATE SKIP LOCKED)"), c.id)
	_ = c.ledger.pool.SendBatch(ctx, batch).Close() // another process will delete it later
}
