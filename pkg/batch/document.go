package batch

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
)

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
	ID   *string `json:"id"`
	Line *int    `json:"line"`
	store.Mismatch
}

func newLineHead(o Outcome) lineHead { return lineHead{known(o.ID), known(o.Number), o.Mismatch} }

// NewDocument returns the document of what Show returns.
func NewDocument(s Summary, failed []Outcome) Document {
	d := Document{s, []LineDocument{}}
	for _, o := range failed {
		d.NotSucceeded = append(d.NotSucceeded, newLineDocument(o, o.Reason()))
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

// encodeOutcome encodes an outcome as a JSON object: the line's id and number with the
// cloud's result, or with the status and the reason why there is no result.
func encodeOutcome(o Outcome) (json.RawMessage, error) {
	if o.Result == nil {
		return narada.EncodeJSON(newLineDocument(o, whyNoResult(o)))
	}
	return encodeResult(o, o.Result.Raw())
}

// encodeResult encodes the line's id and number with the result.
func encodeResult(o Outcome, result json.RawMessage) (json.RawMessage, error) {
	doc, err := narada.EncodeJSON(newLineHead(o))
	if err != nil {
		return nil, err
	}
	rest, err := narada.WithoutMembers(result, "id", "line", "schemaErrors", "assertErrors")
	if err != nil {
		return nil, err
	}
	if rest = bytes.TrimSpace(rest); len(rest) <= len("{}") {
		return doc, nil
	}
	return append(append(doc[:len(doc)-1], ','), rest[1:]...), nil
}

// whyNoResult returns why a line has no result.
func whyNoResult(o Outcome) string {
	const unknown = "it is not known whether the task was accepted"
	switch {
	case o.Phase == Unknown && o.Failure != "":
		return unknown + ": " + o.Failure
	case o.Failure != "":
		return o.Failure
	case o.Phase == Unknown:
		return unknown
	case o.Phase == Pruned:
		return "its task is no longer in the ledger"
	}
	return fmt.Sprintf("its result is not in the ledger; get it with: narada status %s", output.ShellWord(o.RequestID))
}
