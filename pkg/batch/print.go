package batch

import (
	"cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/units"
)

// print prints the outcome of a line: a JSON document if to prints JSON, else a row.
func (o Outcome) print(to *output.Rows) error {
	if to.AsJSON {
		doc, err := encodeOutcome(o)
		if err != nil {
			return err
		}
		return to.JSON(doc)
	}
	row := output.Row{Mark: output.Failed, Name: cmp.Or(o.ID, o.Line.Name()), Status: string(o.StatusName()), Took: "-", Text: o.Reason()}
	if !o.Matches() {
		row.Status = string(StatusMismatch)
	}
	if o.Result != nil && o.Result.Duration() > 0 {
		row.Took = units.Round(o.Result.Duration()).String()
	}
	switch {
	case o.Phase == Unknown, o.Phase == Pruned:
		row.Mark = output.Unclear
	case o.Succeeded():
		if row.Mark = output.Succeeded; row.Text == "" {
			row.Text = answerText(o.Result)
		}
	}
	return to.Row(row)
}

// answerText returns the answer of a result: its data if it has some, else its text.
func answerText(r *narada.Result) string {
	doc := r.Structured()
	if doc == nil {
		return r.Text()
	}
	if compact, err := narada.EncodeJSON(doc); err == nil {
		doc = compact
	}
	return string(doc)
}

// maxReason is the length, in columns, of a reason that is kept without its result.
const maxReason = 300

// Reason returns why a line did not succeed, or has no result, "" if it did and has. It may be
// of any length, with control characters of the API's.
func (o Outcome) Reason() string {
	switch {
	case !o.Matches():
		return o.Mismatch.Text()
	case o.Result != nil && !o.Succeeded():
		return cmp.Or(o.Result.Text(), "its answer has no text")
	case o.Answer != "":
		return o.Answer
	case o.Phase == Unknown && o.Failure != "": // the status says the rest
		return o.Failure
	case o.Phase == Running:
		return "its task has not finished"
	case o.Result != nil:
		return ""
	}
	return whyNoResult(o)
}

// brief returns the outcome without its result, of which it keeps the reason. visible masks
// secrets; nil: nothing is masked.
func (o Outcome) brief(visible func(string) string) Outcome {
	if o.Result != nil && o.Matches() && !o.Succeeded() {
		if o.Answer = o.Reason(); visible != nil {
			o.Answer = visible(o.Answer)
		}
		o.Answer = output.Excerpt(o.Answer, maxReason)
	}
	o.Result, o.Line = nil, o.Line.short()
	return o
}
