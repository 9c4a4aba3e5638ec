package sqlite

import (
	"context"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// How often maintain looks, from which size on the write-ahead log is moved into the
// database, and from which it is begun anew.
const (
	maintainInterval = 250 * time.Millisecond
	maxLog           = 4 << 20
	maxLogFile       = 32 << 20
	pageSize         = 4096 // SQLite's
)

// maintain does beside the writer, at each tick, what would hold it up.
func (l *Store) maintain(tick <-chan time.Time) {
	var log logCleaner
	for {
		select {
		case <-l.quit:
			return
		case <-tick:
		}
		if l.logSize() > maxLog {
			l.moveLog()
		}
		_ = l.writeRefusals(context.Background()) // they are of little use, and none to wait for
		quiet := !l.busy.Swap(false)
		if (quiet || l.unindexed.count.Load() > maxUnindexed) && l.toIndex.Swap(false) {
			_ = l.index(context.Background()) // whoever opens the ledger next does it again
		}
		if quiet {
			log.look(l)
		}
	}
}

// logCleaner empties the log in quiet moments, whichever process has written to it:
// secrets that have been blanked in the database are still in the log.
type logCleaner struct {
	version int64 // of the data, when it looked last
	pending bool  // somebody has written since the log was emptied
}

// look empties the log if nobody has written since it looked last. Somebody may be
// reading; then it tries again the next time.
func (c *logCleaner) look(l *Store) {
	if l.logSize() == 0 {
		return
	}
	before := c.version
	if err := l.maintenance.QueryRow("PRAGMA data_version").Scan(&c.version); err != nil {
		return
	}
	if c.version != before {
		c.pending = true
		return
	}
	if c.pending {
		blocked, err := l.checkpoint(context.Background(), emptyLog)
		c.pending = blocked || err != nil
	}
}

// moveLog does what it can without waiting for anybody; the rest is for the next
// time. Where the log has become long all the same, since the writer always adds
// to it, the writer begins it anew: its file does not become smaller, but no larger
// either. Only the writer can, since while it writes there is always more.
func (l *Store) moveLog() {
	var busy, pages, moved int64
	err := l.maintenance.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved)
	if err == nil && pages > maxLogFile/pageSize {
		_, _ = l.checkpoint(context.Background(), restartLog)
	}
}

// What checkpoint does with the log's file: it is begun anew, or left with nothing in it.
const (
	restartLog = "RESTART"
	emptyLog   = "TRUNCATE"
)

// checkpoint has the writer move the log into the database; blocked is that somebody
// reads or writes, for whom it does not wait.
func (l *Store) checkpoint(ctx context.Context, mode string) (blocked bool, err error) {
	err = l.writer.put(ctx, &write{after: func(tx transaction) error {
		rows, err := tx.query("PRAGMA wal_checkpoint(" + mode + ")")
		if blocked = resultCode(err) == sqlite3.SQLITE_BUSY; err != nil {
			return err
		}
		var pages, moved int64
		return eachRow(rows, func() error { return rows.Scan(&blocked, &pages, &moved) })
	}})
	return blocked, err
}

func (l *Store) logSize() int64 {
	info, err := os.Stat(l.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}
