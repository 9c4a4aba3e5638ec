package store

import "time"

// Info describes a ledger.
type Info struct {
	Engine   string `json:"engine"`   // with its version, as "SQLite 3.53.1"
	Schema   int    `json:"schema"`   // version of the tables
	Location string `json:"location"` // path of the database
	Bytes    int64  `json:"bytes"`

	Tasks        int `json:"tasks"`
	Open         int `json:"open"` // tasks that have not finished
	Callbacks    int `json:"callbacks"`
	Refused      int `json:"refused"`      // callbacks
	Waiting      int `json:"waiting"`      // callbacks to be forwarded
	NotForwarded int `json:"notForwarded"` // callbacks
	Batches      int `json:"batches"`
	Lines        int `json:"lines"` // of batches

	Oldest time.Time `json:"oldest,omitzero"` // when the oldest task was dispatched; zero: there is none
}
