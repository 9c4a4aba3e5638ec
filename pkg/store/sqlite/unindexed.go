package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"slices"
	"sync/atomic"
)

// maxUnindexed is how many callbacks are kept in mind; some 200 bytes each.
const maxUnindexed = 50_000

// unindexed is what the writer has in mind of the newest callbacks, which no index
// has yet: to put each into one as it comes would cost more than to store it.
type unindexed struct {
	last  int64 // the newest callback
	byID  map[string]*callbacks
	count atomic.Int64
}

// callbacks are those of one task; nil is none.
type callbacks struct {
	final   bool // one of them is
	digests [][sha256.Size]byte
}

// progress is how far a task has come by its callbacks.
type progress int

const (
	noCallback progress = iota
	notFinal
	isFinal
)

func (c *callbacks) progress() progress {
	switch {
	case c == nil:
		return noCallback
	case c.final:
		return isFinal
	}
	return notFinal
}

func (c *callbacks) has(digest [sha256.Size]byte) bool {
	return c != nil && slices.Contains(c.digests, digest)
}

func (c *callbacks) add(digest [sha256.Size]byte, final bool) {
	c.digests = append(c.digests, digest)
	c.final = c.final || final
}

// refresh learns what others have stored, and forgets what has been indexed.
func (u *unindexed) refresh(tx transaction) error {
	rows, err := tx.query(`SELECT i.seq, d.seq, d.request_id, d.digest, d.final FROM indexed i
		LEFT JOIN deliveries d ON d.seq > max(i.seq, ?) ORDER BY d.seq`, u.last)
	if err != nil {
		return err
	}
	first := true // row: each has indexed.seq
	return eachRow(rows, func() error {
		var indexed int64
		var seq sql.NullInt64
		var id sql.NullString
		var digest []byte
		var final sql.NullBool
		if err := rows.Scan(&indexed, &seq, &id, &digest, &final); err != nil {
			return err
		}
		if first && indexed >= u.last {
			u.forget(indexed)
		}
		first = false
		if seq.Valid {
			u.add(seq.Int64, id.String, [sha256.Size]byte(digest), final.Bool)
		}
		return nil
	})
}

func (u *unindexed) add(seq int64, id string, digest [sha256.Size]byte, final bool) {
	c := u.byID[id]
	if c == nil {
		c = &callbacks{}
		u.byID[id] = c
	}
	c.add(digest, final)
	u.last = seq
	u.count.Add(1)
}

// forget has nothing in mind of the callbacks, of which those up to last are
// taken as known.
func (u *unindexed) forget(last int64) {
	u.last = last
	if u.count.Swap(0) > 0 || u.byID == nil {
		u.byID = map[string]*callbacks{}
	}
}

// indexedCallbacks looks up those of the deliveries' tasks that have been indexed.
func indexedCallbacks(tx transaction, deliveries []*delivery) (map[string]*callbacks, error) {
	indexed := map[string]*callbacks{}
	for group := range groups(deliveries) {
		ids := make([]any, len(group))
		for i, d := range group {
			ids[i] = d.id
		}
		rows, err := tx.query("SELECT request_id, digest, final FROM delivery_index WHERE request_id IN "+marks(1, len(ids)), ids...)
		if err != nil {
			return nil, err
		}
		err = eachRow(rows, func() error {
			var id string
			var digest []byte
			var final bool
			if err := rows.Scan(&id, &digest, &final); err != nil {
				return err
			}
			if indexed[id] == nil {
				indexed[id] = &callbacks{}
			}
			indexed[id].add([sha256.Size]byte(digest), final)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return indexed, nil
}
