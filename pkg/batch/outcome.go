package batch

import (
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Outcome is what has become of a line.
type Outcome struct {
	Line
	State
	Result       *narada.Result // of a finished one; nil when it is in the store alone
	SchemaErrors []string       // how its data differ from the schema that was asked for

	// Err is why a line has not ended. With Fatal it is why no other line would: nothing
	// was accepted.
	Err   error
	Fatal bool
}

// Succeeded reports whether the line has the answer that was asked for.
func (o Outcome) Succeeded() bool {
	return o.Phase == Finished && o.Status == narada.StatusSuccess && len(o.SchemaErrors) == 0
}

// The statuses of lines beside those of the cloud and the store.
const (
	StatusPruned      narada.Status = "pruned"
	StatusSchemaError               = store.StatusSchemaErrors // a success with schema errors, in counts
)

// StatusName is the outcome's status in the output.
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
