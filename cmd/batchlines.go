package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/task"
)

// plan makes what all tasks have in common.
func (b *batchRun) plan() error {
	b.o.task.OwnCallback, b.o.task.AnyWindow = true, b.o.answer.sandbox || len(b.o.windows) > 0
	spec, err := b.o.task.spec(b.inv)
	if err != nil {
		return err
	}
	if len(b.o.windows) > 0 {
		spec.Window = "" // of the settings
	}
	if b.template, err = spec.Template(&b.inv.source); err != nil {
		return err
	}
	b.inv.redactor.Hide(b.template.Plan.Secrets...)
	b.inv.warn(b.template.Plan.Warnings)
	return nil
}

// planLine makes a line's task.
func (b *batchRun) planLine(l batch.Line) (*task.Plan, error) {
	if l.Object == nil {
		return b.template.Text(l.Prompt)
	}
	file, err := task.ParseLine(l.Object)
	if err != nil {
		return nil, err
	}
	plan, err := b.template.Object(file)
	if err == nil && len(b.o.windows) > 0 && plan.Request.BrowserWindowID != "" {
		err = errors.New("browserWindowId: --window-pool says where tasks run")
	}
	if err == nil && len(b.o.windows) > 0 && plan.Request.CloudBrowserSessionID != "" {
		err = errors.New("cloudBrowserSessionId: a session has a window of its own, and --window-pool says where tasks run")
	}
	return plan, err
}

// lines reads the input from its beginning.
func (b *batchRun) lines() iter.Seq2[batch.Line, error] {
	return func(yield func(batch.Line, error) bool) {
		r, err := b.source.rewind()
		if err != nil {
			yield(batch.Line{}, err)
			return
		}
		for l, err := range b.input.Lines(r) {
			if !yield(l, err) {
				return
			}
		}
	}
}

// mostLineWarnings is how many of the warnings about lines are said.
const mostLineWarnings = 20

// linePlace is a line's place in the input.
type linePlace struct {
	key, sum batch.Key
	number   int
}

// checkAll reads the whole input, says what is wrong with each line, and returns
// the places of all.
func (b *batchRun) checkAll(ctx context.Context) (places []linePlace, err error) {
	bad, warned := 0, 0
	wrong := func(e *batch.LineError) {
		bad++
		b.inv.talk.Text("line", e.Error())
	}
	for l, err := range b.lines() {
		if ctx.Err() != nil {
			return nil, &exitError{code: codeUnexpected, text: cause(context.Cause(ctx)) + ": nothing was sent"}
		}
		if e, ok := errors.AsType[*batch.LineError](err); ok {
			wrong(e)
			continue
		}
		if err != nil {
			return nil, usageError("", "%s: %v", b.source.title(), err)
		}
		plan, err := b.planLine(l)
		if err != nil {
			wrong(&batch.LineError{Number: l.Number, Err: err})
			continue
		}
		for _, w := range plan.Warnings {
			if warned++; warned <= mostLineWarnings {
				b.inv.talk.Warn("task", fmt.Sprintf("line %d: %s", l.Number, w))
			}
		}
		b.total++
		places = append(places, linePlace{l.Key, l.Sum, l.Number})
		b.inv.redactor.Hide(plan.Secrets...)
	}
	if warned > mostLineWarnings {
		b.inv.talk.Warn("task", fmt.Sprintf("there are %d further warnings", warned-mostLineWarnings))
	}
	switch {
	case bad > 0:
		return nil, usageError("", "%s: %d line%s cannot be sent: nothing was", b.source.title(), bad, plural(bad != 1))
	case b.total == 0:
		return nil, usageError("", "%s: there is no task in it", b.source.title())
	}
	return places, nil
}

// preview prints the requests, and sends nothing.
func (b *batchRun) preview(ctx context.Context, out *batchResults) error {
	b.inv.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
	if err := out.begin(); err != nil {
		return err
	}
	for l, err := range b.lines() {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		var plan *task.Plan
		if err == nil {
			plan, err = b.planLine(l)
		}
		var body []byte
		if err == nil {
			body, err = plan.Request.Masked().MarshalJSON()
		}
		if err == nil {
			err = out.printer.JSON(body)
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}

// misfit lists how a line's data differ from what was asked for.
func (b *batchRun) misfit(o batch.Outcome) []string {
	if b.o.task.noValidate || o.Result == nil {
		return nil
	}
	want := b.template.Plan.Schema
	if o.Object["responseFormat"] != nil {
		plan, err := b.planLine(o.Line)
		if err != nil {
			return nil // it was sent, so it could be planned
		}
		want = plan.Schema
	}
	violations, err := expectation{want, true}.violations(o.Result)
	if err != nil {
		return []string{err.Error()}
	}
	var list []string
	for _, v := range violations {
		list = append(list, strings.TrimPrefix(v.Pointer+": "+v.Message, ": "))
	}
	return list
}
