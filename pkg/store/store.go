// Package store has the types of the ledger: what was dispatched and what came
// back. An engine keeps them; store/sqlite is the one on this machine, and
// store/storetest has the tests that every engine must pass.
//
// Everything that changes a ledger is an Op, of which Write takes as many as belong
// together. Writes has a method for each that is often needed alone. Who needs
// something of an engine declares an interface with the few methods that it uses.
//
// Times are kept to the millisecond, in UTC. The package is private to narada.
package store
