package sqlite

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// maxUnindexed limits the callbacks kept in memory, some 200 bytes each.
const maxUnindexed = 50_000

// unindexed is the writer's memory of the newest callbacks, which are not indexed yet:
// indexing each as it arrives would cost more than storing it.
type unindexed struct {
	last  int64 // the newest callback
	byID  callbacksByID
	count atomic.Int64
}

// callbacksByID has the callbacks of tasks by request ID.
type callbacksByID map[string]callbacks

// callbacks are those of one task.
type callbacks struct {
	final   bool // one of them is
	digests [][sha256.Size]byte
}

func (m callbacksByID) add(id string, digest [sha256.Size]byte, final bool) {
	c := m[id]
	m[id] = callbacks{final: c.final || final, digests: append(c.digests, digest)}
}

// refresh adds what others have stored, and drops what has been indexed.
func (u *unindexed) refresh(tx transaction) error {
	indexed, err := tx.number("SELECT seq FROM indexed")
	if err != nil {
		return err
	}
	if indexed >= u.last {
		u.forget(indexed)
	}
	return tx.eachCallback(u.add, "SELECT seq, request_id, digest, final FROM deliveries WHERE seq > ? ORDER BY seq", u.last)
}

func (u *unindexed) add(seq int64, id string, digest [sha256.Size]byte, final bool) {
	u.byID.add(id, digest, final)
	u.last = seq
	u.count.Add(1)
}

// forget drops all callbacks, and takes those up to last as indexed.
func (u *unindexed) forget(last int64) {
	u.last = last
	if u.count.Swap(0) > 0 || u.byID == nil {
		u.byID = callbacksByID{}
	}
}

// indexedCallbacks looks up the indexed callbacks of the deliveries' tasks.
func (t transaction) indexedCallbacks(deliveries []*engine.Delivery) (callbacksByID, error) {
	indexed := callbacksByID{}
	for some := range slices.Chunk(deliveries, engine.MaxGroup) {
		size := 1 // of the query, to need few prepared statements; the last ID is repeated
		for size < len(some) {
			size *= 4
		}
		ids := make([]any, size)
		for i := range ids {
			ids[i] = some[min(i, len(some)-1)].ID
		}
		err := t.eachCallback(func(_ int64, id string, digest [sha256.Size]byte, final bool) { indexed.add(id, digest, final) },
			"SELECT seq, request_id, digest, final FROM delivery_index WHERE request_id IN (?"+strings.Repeat(",?", size-1)+")", ids...)
		if err != nil {
			return nil, err
		}
	}
	return indexed, nil
}

// eachCallback calls f for each row of the query.
func (t transaction) eachCallback(f func(seq int64, id string, digest [sha256.Size]byte, final bool), query string, args ...any) error {
	return t.each(func(row scanner) error {
		var seq int64
		var id string
		var digest []byte
		var final bool
		if err := row.Scan(&seq, &id, &digest, &final); err != nil {
			return err
		}
		f(seq, id, [sha256.Size]byte(digest), final)
		return nil
	}, query, args...)
}
