package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
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
		return opError(group, err)
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
	lost := err != nil && (disconnected(err) || isUnsafe(err))
	if lost && !c.lost {
		c.ledger.o.Warn(c.ledger.newError(err).Error())
	}
	if !lost && c.lost {
		c.ledger.o.Warn("the store " + c.ledger.where + " is there again")
	}
	c.lost = lost
}

// opError gives the error of an op its type.
func opError(group []*write, err error) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if ok && server.Code == codeLeaseLost {
		return store.ErrLeaseLost
	}
	if ok && server.Code == codeClaimLost {
		return store.ErrClaimLost
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
	var last []batchStatement
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
			if batch := lockedBatch(op); batch != 0 {
				last = append(last, batchStatement{batch, s})
				continue
			}
			t.statements = append(t.statements, s)
		}
		if len(one.do) > 0 {
			flush()
			t.statements = append(t.statements, one.do...)
		}
	}
	flush()
	slices.SortStableFunc(last, func(a, b batchStatement) int { return cmp.Compare(a.batch, b.batch) })
	for _, s := range last {
		t.statements = append(t.statements, s.statement)
	}
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
	ctx, cancel := longer(ctx, t.size(), cmp.Or(c.ledger.o.sendRate, sendRate))
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(c.ledger.sql("SELECT @began($1, $2, $3, $4, $5)"), escapedArgs([]any{c.id, t.number, t.numbers, t.paths, t.ids})...)
	for _, s := range t.statements {
		batch.Queue(c.ledger.sql(s.query), escapedArgs(s.args)...)
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

// size returns about how many bytes are sent.
func (t *transaction) size() (n int) {
	for _, s := range t.statements {
		for _, arg := range s.args {
			switch arg := arg.(type) {
			case []byte:
				n += len(arg)
			case [][]byte:
				for _, one := range arg {
					n += len(one)
				}
			}
		}
	}
	return n
}

// longer returns ctx with a deadline that is later by the time to send that many bytes, so many
// a second.
func longer(ctx context.Context, size, rate int) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline() // of repeatedly
	return context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(time.Duration(size)*time.Second/time.Duration(rate)))
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

// repeatedly calls do until it succeeds or its error is not that of a connection, another
// transaction or a starting server, or the limit has passed. With a limit of 0 it is called
// once. The last attempt may be cut off by the limit: the error is that of the one before.
func repeatedly[T any](limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), max(limit, connectLimit))
	defer cancel()
	var before error
	for began := time.Now(); ; {
		result, err := do(ctx)
		if ctx.Err() != nil && repeatable(err) {
			err = cmp.Or(before, err)
		}
		before = err
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
