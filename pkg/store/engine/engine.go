// Package engine has what the engines of a ledger share: the groups in which writes are
// committed, the tickets and refusals in memory, callbacks as they are stored, and pages of
// tasks. It does not know SQL. The package is private to narada.
package engine
