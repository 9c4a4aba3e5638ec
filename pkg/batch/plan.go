package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/task"
)

// plan returns the task of a line.
func (b *Batch) plan(l Line) (*task.Plan, error) {
	if l.Object == nil {
		return b.o.Template.Text(l.Prompt)
	}
	file, err := task.ParseLine(l.Object)
	if err != nil {
		return nil, err
	}
	plan, err := b.o.Template.Object(file)
	switch {
	case err != nil || len(b.o.Windows) == 0:
		return plan, err
	case plan.Request.BrowserWindowID != "":
		return nil, errors.New("browserWindowId and --window-pool cannot be used together")
	case plan.Request.CloudBrowserSessionID != "":
		return nil, errors.New("cloudBrowserSessionId and --window-pool cannot be used together: a session has its own window")
	}
	return plan, nil
}

// check reads the whole input, reports what is wrong with its lines, and records the places of
// all lines.
func (b *Batch) check(ctx context.Context) error {
	var rejected, warned problems
	lines, hint := 0, ""
	var failed error
	for l, err := range b.source.lines() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		lines++
		var plan *task.Plan
		if err == nil {
			if plan, err = b.plan(l); err != nil {
				err = b.source.error(l, err)
			}
		}
		if failure, ok := errors.AsType[*LineError](err); ok {
			rejected.add(failure.Number, failure.List, failure.Err.Error())
			if fields, ok := errors.AsType[*fieldsError](err); ok {
				hint = fields.Hint()
			}
			continue
		}
		if failed = err; err != nil {
			break
		}
		for _, text := range plan.Warnings {
			warned.add(l.Number, b.source.isList(), text)
		}
		b.o.Hide(plan.Secrets...)
		b.places = append(b.places, place{l.Key, l.Sum, l.Number})
	}
	for _, p := range rejected.list {
		b.o.Report(LinesRejected{*p})
	}
	for _, p := range warned.list {
		b.o.Report(LinesWarned{*p})
	}
	switch {
	case failed != nil:
		return failed
	case len(rejected.list) > 0:
		return &InputError{b.source.title, &rejectedError{lines - len(b.places), lines, hint}}
	case lines == 0:
		return &InputError{b.source.title, ErrNoTask}
	}
	return nil
}

// rejectedError is lines that cannot be sent.
type rejectedError struct {
	rejected, lines int
	hint            string
}

func (e *rejectedError) Error() string {
	return fmt.Sprintf("%s of %s lines cannot be sent; nothing was sent", comma(e.rejected), comma(e.lines))
}

// Hint says what may be wrong, "" if it is not known.
func (e *rejectedError) Hint() string { return e.hint }

// Preview prints the requests without sending them.
func (b *Batch) Preview(ctx context.Context) error {
	if err := b.beginResults(ctx); err != nil {
		return err
	}
	err := b.preview(ctx, b.results.printer.Printer)
	_, closing := b.results.close(true)
	return errors.Join(err, closing)
}

func (b *Batch) preview(ctx context.Context, p *output.Printer) error {
	for l, err := range b.checked() {
		if err != nil || ctx.Err() != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		plan, err := b.plan(l)
		if err != nil {
			return b.source.error(l, err)
		}
		body, err := plan.Request.Masked().MarshalJSON()
		if err == nil {
			err = p.JSON(body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted returns a plan with what is asked of the answer to a line.
func (b *Batch) wanted(l Line) (*task.Plan, error) {
	if l.Object["responseFormat"] == nil && l.Object["assert"] == nil {
		return b.o.Template.Plan, nil
	}
	return b.plan(l)
}

// violations returns where the data of a result violate the schema.
func violations(check SchemaCheck, want *schema.Schema, r *narada.Result) (list []string) {
	found, err := check(want, r)
	if err != nil {
		return []string{err.Error()}
	}
	for _, v := range found {
		list = append(list, strings.TrimPrefix(v.Pointer+": "+v.Message, ": "))
	}
	return list
}

// SchemaCheck checks the data of a success against its schema, which may be nil.
type SchemaCheck func(*schema.Schema, *narada.Result) ([]schema.Violation, error)
