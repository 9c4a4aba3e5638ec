package sqlite

import (
	"context"
	"os"
	"time"
)

// How often the keeper looks, from which size on the write-ahead log is moved into
// the database, and from which it is begun anew.
const (
	keepTime = 250 * time.Millisecond
	logMost  = 4 << 20
	logEnd   = 32 << 20
	pageSize = 4096 // SQLite's
)

// keepHouse does beside the writer what would hold it up.
func (l *Store) keepHouse() {
	ticker := time.NewTicker(keepTime)
	defer ticker.Stop()
	var log logKeeper
	for {
		select {
		case <-l.quit:
			return
		case <-ticker.C:
		}
		if l.logSize() > logMost {
			l.moveLog()
		}
		_ = l.writeRefusals(context.Background()) // they are of little use, and none to wait for
		quiet := !l.busy.Swap(false)
		if (quiet || l.unfiled.count.Load() > mostUnfiled) && l.waiting.Swap(false) {
			_ = l.file(context.Background()) // whoever opens the ledger next does it again
		}
		if quiet {
			log.look(l)
		}
	}
}

// logKeeper empties the log in quiet moments, whichever process has written to it:
// secrets that have been blanked in the database are still in the log.
type logKeeper struct {
	version int64 // of the data, when it looked last
	pending bool  // somebody has written since the log was emptied
}

// look empties the log if nobody has written since it looked last. Somebody may be
// reading; then it tries again the next time.
func (k *logKeeper) look(l *Store) {
	if l.logSize() == 0 {
		return
	}
	before := k.version
	if err := l.keep.QueryRow("PRAGMA data_version").Scan(&k.version); err != nil {
		return
	}
	if k.version != before {
		k.pending = true
		return
	}
	if k.pending {
		blocked, err := l.emptyLog(context.Background())
		k.pending = blocked || err != nil
	}
}

// moveLog does what it can without waiting for anybody; the rest is for the next
// time. Where the log has become long all the same, since the writer always adds
// to it, the writer begins it anew: its file does not become smaller, but no larger
// either. Only the writer can, since while it writes there is always more.
func (l *Store) moveLog() {
	var busy, pages, moved int64
	err := l.keep.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved)
	if err == nil && pages > logEnd/pageSize {
		_, _ = l.checkpoint(context.Background(), "RESTART")
	}
}

// emptyLog moves what is left of the log into the database, and leaves nothing in
// its file; blocked is that somebody reads, and that it is still there.
func (l *Store) emptyLog(ctx context.Context) (blocked bool, err error) {
	return l.checkpoint(ctx, "TRUNCATE")
}

// checkpoint is transaction.checkpoint, by the writer.
func (l *Store) checkpoint(ctx context.Context, mode string) (blocked bool, err error) {
	err = l.writer.put(ctx, &write{after: func(tx transaction) (err error) {
		blocked, err = tx.checkpoint(mode)
		return err
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
