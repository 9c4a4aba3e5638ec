package sqlite

import (
	"context"
	"os"
	"time"
)

const (
	maintainInterval = 250 * time.Millisecond
	maxLog           = 4 << 20  // size from which the write-ahead log is moved into the database
	maxLogFile       = 32 << 20 // and from which its file is restarted
	pageSize         = 4096     // SQLite's
)

// maintain does, at each tick, the work that would delay the writer.
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
		_ = l.writeRefusals(context.Background()) // not worth an error
		quiet := !l.busy.Swap(false)
		if (quiet || l.unindexed.count.Load() > maxUnindexed) && l.toIndex.Swap(false) {
			_ = l.index(context.Background()) // the next Open repeats it
		}
		if quiet {
			log.look(l)
		}
	}
}

// logCleaner empties the log when the ledger is idle, whichever process wrote it: the log
// still has secrets that are blanked in the database.
type logCleaner struct {
	version int64 // of the data at the last look
	pending bool  // the log has data
}

// look empties the log if nothing was written since the last look. If a reader blocks it,
// the next look tries again.
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

// moveLog moves as much of the log as it can without waiting. If the log is too long all
// the same, since the writer keeps adding to it, the writer restarts it: the file stops
// growing.
func (l *Store) moveLog() {
	var busy, pages, moved int64
	err := l.maintenance.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved)
	if err == nil && pages > maxLogFile/pageSize {
		_, _ = l.checkpoint(context.Background(), restartLog)
	}
}

// The modes of checkpoint: the log's file is restarted, or emptied.
const (
	restartLog = "RESTART"
	emptyLog   = "TRUNCATE"
)

// checkpoint has the writer move the log into the database, without waiting. blocked
// reports that a reader prevented it.
func (l *Store) checkpoint(ctx context.Context, mode string) (blocked bool, err error) {
	err = l.writer.put(ctx, &write{after: func(tx transaction) error {
		var pages, moved int64
		return tx.each(func(row scanner) error { return row.Scan(&blocked, &pages, &moved) }, "PRAGMA wal_checkpoint("+mode+")")
	}})
	return blocked, err
}

func (l *Store) logSize() int64 { return fileSize(l.path + "-wal") }

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
