package sqlite

import "context"

// Check looks whether the database is whole, and returns what is wrong with it, ""
// when nothing is. It reads all of it, which ctx bounds.
func (l *Store) Check(ctx context.Context) (damage string, err error) {
	err = l.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&damage)
	if damage == "ok" {
		damage = ""
	}
	return damage, newError(l.path, err)
}
