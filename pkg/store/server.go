package store

import "time"

// Server is what is known of the server of a ledger that machines share.
type Server struct {
	Where   string // the database and the server's addresses
	Version string

	Role, Schema string
	Grant        string // SQL that gives the role a right without which there is no ledger; "": it has all
	Fixed        bool   // the role cannot change the tables, as a later version may have to

	Settings string // that decide whether what is committed can be lost
	Unusable error  // why the ledger cannot be there; nil: it can

	RoundTrip time.Duration
	Polling   string        // why followers have to look instead of being notified; "": they are
	Oldest    time.Duration // age of the oldest transaction
	OldestPID int64
}
