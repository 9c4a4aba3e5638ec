package batch

import "github.com/narada-cli/narada/pkg/narada"

// Document is a batch as programs read it.
type Document struct {
	Summary
	NotSucceeded []LineDocument `json:"notSucceeded"`
}

// LineDocument is a line without its result. What is not known is null.
type LineDocument struct {
	lineHead
	RequestID *string       `json:"requestId"`
	Status    narada.Status `json:"status"`
	Error     *string       `json:"error"`
}

// lineHead has what precedes the cloud's result.
type lineHead struct {
	ID           *string  `json:"id"`
	Line         *int     `json:"line"`
	SchemaErrors []string `json:"schemaErrors,omitempty"`
}

func newLineHead(o Outcome) lineHead { return lineHead{known(o.ID), known(o.Number), o.SchemaErrors} }

// NewDocument returns the document of what Show returns.
func NewDocument(s Summary, failed []Outcome) Document {
	d := Document{s, []LineDocument{}}
	for _, o := range failed {
		d.NotSucceeded = append(d.NotSucceeded, newLineDocument(o, o.Failure))
	}
	return d
}

func newLineDocument(o Outcome, reason string) LineDocument {
	return LineDocument{newLineHead(o), known(o.RequestID), o.StatusName(), known(reason)}
}

// known is nil for a zero value.
func known[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
