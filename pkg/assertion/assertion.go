// Package assertion checks answers against jq expressions that must be true of them.
//
// An expression is true of an answer if it has one value, and that is true: neither another
// value that jq takes for true, nor several. A Failure says what it gave instead, and shows the
// parts of the answer that it looked at.
//
// The package is private to narada.
package assertion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/output"
)

const (
	maxText   = 64 << 10        // bytes of an expression
	timeLimit = 5 * time.Second // of the evaluation of an expression
	grace     = time.Second     // to evaluate an answer that arrived at the end of a context

	// Columns of what is shown.
	exprWidth  = 200
	valueWidth = 80
)

// Assertion is a compiled expression.
type Assertion struct {
	text  string
	query *output.Query
}

// List is what must be true of an answer.
type List []Assertion

// Parse compiles expressions, with the restrictions of output.ParseQuery.
func Parse(texts ...string) (List, error) {
	var list List
	for _, text := range texts {
		switch {
		case strings.TrimSpace(text) == "":
			return nil, errors.New("the expression is empty")
		case len(text) > maxText:
			return nil, fmt.Errorf("the expression is longer than %d KiB", maxText>>10)
		}
		query, err := output.ParseQuery(context.Background(), text)
		if err != nil {
			return nil, err
		}
		list = append(list, Assertion{text, query})
	}
	return list, nil
}

// Texts returns the expressions as they were written.
func (l List) Texts() (texts []string) {
	for _, a := range l {
		texts = append(texts, a.text)
	}
	return texts
}

// Failure is an assertion that is not true of an answer. Its texts are short, masked, and of
// one line, but may have control characters.
type Failure struct {
	Assertion string
	Why       string   // "gave false"
	Found     []string // the parts of the answer that it looked at: ".response.text is null"
}

// String is "ASSERTION: gave false; PART is VALUE".
func (f Failure) String() string {
	text := f.Assertion + ": " + f.Why
	if len(f.Found) > 0 {
		text += "; " + strings.Join(f.Found, ", ")
	}
	return text
}

// Check returns the assertions that are not true of the answer. An expression that does not end
// in five seconds, or a second after the end of ctx, is not. The masker may be nil.
func (l List) Check(ctx context.Context, answer json.RawMessage, masker output.Masker) (failed []Failure) {
	c := checking{masker: masker}
	for _, a := range l {
		if c.answer == nil {
			c.answer = c.maskJSON(answer)
		}
		if why, found := c.check(ctx, a); why != "" {
			failed = append(failed, Failure{c.shown(a.text, exprWidth), why, found})
		}
	}
	return failed
}

// checking is the check of an answer.
type checking struct {
	answer json.RawMessage
	masker output.Masker
	ctx    context.Context // of the evaluation of an assertion
}

// check returns why an assertion is not true, "" if it is.
func (c *checking) check(ctx context.Context, a Assertion) (why string, found []string) {
	evaluating, end := context.WithTimeout(context.WithoutCancel(ctx), timeLimit)
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, end) })()
	c.ctx = evaluating
	values, err := a.query.Values(evaluating, c.answer, 2)
	switch {
	case err != nil && evaluating.Err() == context.DeadlineExceeded:
		return fmt.Sprintf("did not end within %v", timeLimit), nil
	case err != nil && evaluating.Err() != nil:
		return "did not end in time", nil
	case err != nil:
		why = "failed: " + c.shown(cmp.Or(errors.Unwrap(err), err).Error(), exprWidth)
	case len(values) == 0:
		why = "gave no value"
	case len(values) > 1:
		why = "gave several values, " + c.value(values[0]) + " and " + c.value(values[1])
	case string(values[0]) == "true":
		return "", nil
	default:
		why = "gave " + c.value(values[0])
	}
	return why, c.found(a.text)
}

// value shows a JSON value.
func (c *checking) value(doc json.RawMessage) string {
	return c.shown(string(c.maskJSON(doc)), valueWidth)
}

// shown is text as it is shown: a secret that is cut would not be found.
func (c *checking) shown(text string, width int) string {
	if c.masker != nil {
		text = c.masker.MaskAnswer(text)
	}
	return output.Cut(strings.Join(strings.Fields(text), " "), width)
}

func (c *checking) maskJSON(doc json.RawMessage) json.RawMessage {
	if c.masker == nil {
		return doc
	}
	return c.masker.MaskJSON(doc)
}
