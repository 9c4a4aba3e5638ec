package batch

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// resultHead has the fields of a line that precede the cloud's result.
type resultHead struct {
	ID           *string       `json:"id"`
	Line         *int          `json:"line"`
	RequestID    string        `json:"requestId,omitempty"`
	Status       narada.Status `json:"status,omitempty"`
	Error        string        `json:"error,omitempty"`
	SchemaErrors []string      `json:"schemaErrors,omitempty"`
}

// encodeOutcome encodes an outcome as a JSON object: the line's id and number with the
// cloud's result, or with the status and the reason why there is no result.
func encodeOutcome(o Outcome) (json.RawMessage, error) {
	head := resultHead{SchemaErrors: o.SchemaErrors}
	if o.ID != "" {
		head.ID = &o.ID
	}
	if o.Number != 0 { // 0: no longer in the input
		head.Line = &o.Number
	}
	if o.Result == nil {
		head.RequestID, head.Status, head.Error = o.RequestID, o.StatusName(), whyNoResult(o)
	}
	doc, err := narada.EncodeJSON(head)
	if err != nil || o.Result == nil {
		return doc, err
	}
	rest, err := narada.WithoutMembers(o.Result.Raw(), "id", "line", "schemaErrors")
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
	switch {
	case o.Failure != "":
		return o.Failure
	case o.Phase == Unknown:
		return "it is not known whether the task was accepted"
	case o.Phase == Pruned:
		return "its task is no longer in the ledger"
	}
	return fmt.Sprintf("its result is not in the ledger; get it with: narada status %s", output.ShellWord(o.RequestID))
}
