package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"slices"
	"sync/atomic"
)

// mostUnfiled is how many callbacks are kept in mind; some 200 bytes each.
const mostUnfiled = 50_000

// unfiled is what the writer has in mind of the newest callbacks, which no index
// has yet: to put each into one as it comes would cost more than to store it.
type unfiled struct {
	last  int64 // the newest callback
	byID  map[string]*callbacks
	count atomic.Int64
}

// callbacks are those of one task; nil is none.
type callbacks struct {
	final   bool // one of them is
	digests [][sha256.Size]byte
}

// past is what there is of a task's callbacks.
type past int

const (
	pastNothing past = iota
	pastPhase
	pastFinal
)

func (c *callbacks) past() past {
	switch {
	case c == nil:
		return pastNothing
	case c.final:
		return pastFinal
	}
	return pastPhase
}

func (c *callbacks) has(digest [sha256.Size]byte) bool {
	return c != nil && slices.Contains(c.digests, digest)
}

func (c *callbacks) add(digest [sha256.Size]byte, final bool) {
	c.digests = append(c.digests, digest)
	c.final = c.final || final
}

// refresh learns what others have stored, and forgets what has been filed.
func (u *unfiled) refresh(tx transaction) error {
	rows, err := tx.query(`SELECT f.seq, d.seq, d.request_id, d.digest, d.final FROM filed f
		LEFT JOIN deliveries d ON d.seq > max(f.seq, ?) ORDER BY d.seq`, u.last)
	if err != nil {
		return err
	}
	first := true // row: each has filed.seq
	return eachRow(rows, func() error {
		var filed int64
		var seq sql.NullInt64
		var id sql.NullString
		var digest []byte
		var final sql.NullBool
		if err := rows.Scan(&filed, &seq, &id, &digest, &final); err != nil {
			return err
		}
		if first && filed >= u.last {
			u.forget(filed)
		}
		first = false
		if seq.Valid {
			u.add(seq.Int64, id.String, [sha256.Size]byte(digest), final.Bool)
		}
		return nil
	})
}

func (u *unfiled) add(seq int64, id string, digest [sha256.Size]byte, final bool) {
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
func (u *unfiled) forget(last int64) {
	u.last = last
	if u.count.Swap(0) > 0 || u.byID == nil {
		u.byID = map[string]*callbacks{}
	}
}

// filedCallbacks looks up those of the arrivals' tasks that have been filed.
func filedCallbacks(tx transaction, arrivals []*arrival) (map[string]*callbacks, error) {
	filed := map[string]*callbacks{}
	for group := range groups(arrivals) {
		ids := make([]any, len(group))
		for i, a := range group {
			ids[i] = a.id
		}
		rows, err := tx.query("SELECT request_id, digest, final FROM delivered WHERE request_id IN "+marks(1, len(ids)), ids...)
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
			if filed[id] == nil {
				filed[id] = &callbacks{}
			}
			filed[id].add([sha256.Size]byte(digest), final)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return filed, nil
}
