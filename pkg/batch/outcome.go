package batch

import (
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Outcome is the outcome of a line.
type Outcome struct {
	Line
	State
	Result       *narada.Result // of a finished line; nil if it is only in the store
	SchemaErrors []string       // where its data violate the schema

	// Err is why a line has not ended. With Fatal, no other line would be accepted, or
	// awaited.
	Err   error
	Fatal bool
}

// Succeeded reports whether the line has a valid answer.
func (o Outcome) Succeeded() bool {
	return o.Phase == Finished && o.Status == narada.StatusSuccess && len(o.SchemaErrors) == 0
}

// Statuses of lines besides those of the cloud and the store.
const (
	StatusPruned      narada.Status = "pruned"
	StatusSchemaError               = store.StatusSchemaErrors // a success with schema errors, in counts
)

// StatusName returns the outcome's status for the output.
func (o Outcome) StatusName() narada.Status {
	switch o.Phase {
	case Unknown:
		return store.StatusUnknown
	case Refused:
		return store.StatusRefused
	case Pruned:
		return StatusPruned
	}
	return o.Status
}
