package sqlite

import "os"

// checkIdentity returns an error if the path of the ledger no longer leads to the file that
// is open. What is written to a deleted file is lost, although SQLite reports success.
func (l *Store) checkIdentity() error {
	now, err := os.Stat(l.path)
	if err != nil || !os.SameFile(l.file, now) {
		return errMoved
	}
	return nil
}
