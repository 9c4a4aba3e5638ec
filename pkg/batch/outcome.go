package batch

import (
	"context"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/store"
)

// Outcome is the outcome of a line.
type Outcome struct {
	Line
	State
	Result *narada.Result // of a finished line; nil if it is only in the store
	store.Mismatch

	Answer string // start of the text of a failed line's answer, if Result is not kept

	// Err is why a line has not ended. With Fatal, no other line would be accepted, or
	// awaited.
	Err   error
	Fatal bool
}

// check sets how the answer does not match what was asked of it: a schema, which may be nil,
// and assertions about the result as it is written, with its data where callbacks have them.
func (o *Outcome) check(check SchemaCheck, want *schema.Schema, asserts assertion.List, masker output.Masker) {
	if check != nil {
		o.SchemaErrors = violations(check, want, o.Result)
	}
	if len(asserts) == 0 {
		return
	}
	doc, err := encodeResult(*o, o.Result.Normalized())
	if err != nil {
		o.AssertErrors = []string{err.Error()}
	}
	for _, failure := range asserts.Check(context.Background(), doc, masker) { // a stop must not be a failure
		o.AssertErrors = append(o.AssertErrors, failure.String())
	}
}

// Succeeded reports whether the line has a valid answer.
func (o Outcome) Succeeded() bool {
	return o.Phase == Finished && o.Status == narada.StatusSuccess && o.Matches()
}

// Statuses of lines besides those of the cloud and the store.
const (
	StatusPruned   narada.Status = "pruned"
	StatusMismatch               = store.StatusMismatch // a success whose answer does not match, in counts
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
