package batch

import "github.com/narada-cli/narada/pkg/narada"

// Document is a batch as programs read it.
type Document struct {
	Summary
	NotSucceeded []FailedDocument `json:"notSucceeded"`
}

// FailedDocument is a line that has not succeeded. What is not known is null.
type FailedDocument struct {
	Line         *int          `json:"line"`
	ID           *string       `json:"id"`
	Status       narada.Status `json:"status"`
	RequestID    *string       `json:"requestId"`
	Error        *string       `json:"error"`
	SchemaErrors []string      `json:"schemaErrors,omitempty"`
}

// NewDocument returns the document of what Show returns.
func NewDocument(s Summary, failed []Outcome) Document {
	d := Document{s, []FailedDocument{}}
	for _, o := range failed {
		d.NotSucceeded = append(d.NotSucceeded, FailedDocument{
			known(o.Number), known(o.ID), o.StatusName(), known(o.RequestID), known(o.Failure), o.SchemaErrors,
		})
	}
	return d
}

// known is nil for a zero value.
func known[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
