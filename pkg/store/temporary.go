package store

import "errors"

// Temporary reports whether the use of a ledger has failed for a reason that may pass without
// a change of what is asked or stored, such as a full disk, or a server that is gone: the same
// may work later. Every engine decides it for its errors.
func Temporary(err error) bool {
	var failure interface{ Temporary() bool }
	return errors.As(err, &failure) && failure.Temporary()
}
