package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

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
