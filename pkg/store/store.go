// Package store has the types of the ledger: what was dispatched and what came
// back. An engine keeps them; store/sqlite is the one on this machine.
//
// Who needs something of an engine declares an interface with the few methods that
// it uses. The package is private to narada.
package store
