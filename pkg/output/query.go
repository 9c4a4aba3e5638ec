package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itchyny/gojq"
)

// Query is a compiled jq expression.
type Query struct {
	text string
	code *gojq.Code
	ctx  context.Context
}

// queryGrace is how long evaluations continue after the end of their context: what was
// accepted until then is still filtered and printed.
const queryGrace = time.Second

// ParseQuery compiles a jq expression. It has no access to the environment, to files or to
// further input. A second after ctx has ended, evaluations fail with context.Canceled, so that
// one that does not terminate does not keep the program from ending.
func ParseQuery(ctx context.Context, text string) (*Query, error) {
	parsed, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a jq expression: %w", text, err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, fmt.Errorf("%q is not a jq expression: %w", text, err)
	}
	evaluating, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(queryGrace, end) })
	return &Query{text: text, code: code, ctx: evaluating}, nil
}

// each calls f with every value of the expression for doc: a string raw, any other value as
// JSON.
func (q *Query) each(doc json.RawMessage, f func(value []byte, raw bool) error) error {
	return q.values(q.ctx, doc, func(value any) error {
		if text, isString := value.(string); isString {
			return f([]byte(text), true)
		}
		b, err := gojq.Marshal(value)
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		return f(b, false)
	})
}

// errEnough ends an evaluation.
var errEnough = errors.New("enough values")

// Values returns the first values of the expression for doc as JSON, at most limit. The
// evaluation ends with ctx.
func (q *Query) Values(ctx context.Context, doc json.RawMessage, limit int) (list []json.RawMessage, err error) {
	err = q.values(ctx, doc, func(value any) error {
		b, err := gojq.Marshal(value)
		if list = append(list, b); err == nil && len(list) == limit {
			err = errEnough
		}
		return err
	})
	if err == errEnough {
		err = nil
	}
	return list, err
}

// values calls f with every value of the expression for doc.
func (q *Query) values(ctx context.Context, doc json.RawMessage, f func(value any) error) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber() // numbers keep their digits
	var input any
	if err := dec.Decode(&input); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	for iter := q.code.RunWithContext(ctx, input); ; {
		value, ok := iter.Next()
		if !ok {
			return nil
		}
		if err, failed := value.(error); failed {
			if ctx.Err() != nil {
				return fmt.Errorf("the jq expression %q did not end: %w", q.text, context.Canceled)
			}
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return nil
			}
			return fmt.Errorf("the jq expression %q failed: %w", q.text, err)
		}
		if tooDeep(value, maxLevels) {
			return fmt.Errorf("the jq expression %q failed: %w", q.text, errTooDeep)
		}
		if err := f(value); err != nil {
			return err
		}
	}
}

// maxLevels is how deep a value may be nested, as in a document that encoding/json reads. To
// encode a much deeper one would end the program with a stack overflow.
const maxLevels = 10_000

var errTooDeep = errors.New("its value is nested too deeply")

// tooDeep reports whether a value is nested deeper than that.
func tooDeep(value any, levels int) bool {
	switch value := value.(type) {
	case []any:
		return levels == 0 || slices.ContainsFunc(value, func(v any) bool { return tooDeep(v, levels-1) })
	case map[string]any:
		for _, v := range value {
			if levels == 0 || tooDeep(v, levels-1) {
				return true
			}
		}
	}
	return false
}

// True reports whether the expression has a first value for doc that is neither false nor
// null.
func (q *Query) True(doc json.RawMessage) (bool, error) {
	first, truth := true, false
	err := q.each(doc, func(value []byte, raw bool) error {
		if first {
			first, truth = false, raw || string(value) != "false" && string(value) != "null"
		}
		return nil
	})
	return truth, err
}
