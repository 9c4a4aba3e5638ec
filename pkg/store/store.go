// Package store has the types of the ledger: tasks, callbacks and batches. An engine stores
// them: store/sqlite is the one on this machine. store/storetest has the tests that every
// engine must pass.
//
// Every change of a ledger is an Op; Write applies several atomically. Writes has methods
// for ops that are often needed alone. A user of an engine declares an interface with the
// few methods that it needs.
//
// Times have a precision of milliseconds, in UTC. The package is private to narada.
package store
