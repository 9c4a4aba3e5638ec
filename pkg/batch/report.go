package batch

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/junit"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
)

// reportLimit is the time limit for a report of a run, which may have been interrupted.
const reportLimit = time.Minute

// report writes the JUnit report of the batch as it stands: a test case for each line.
func (b *Batch) report(ctx context.Context) error {
	if b.o.JUnit == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	suite, err := b.suite(ctx)
	if err == nil {
		err = suite.WriteFile(b.o.JUnit)
	}
	if err != nil {
		return &ResultsError{Path: b.o.JUnit, Err: err, Report: true}
	}
	return nil
}

func (b *Batch) suite(ctx context.Context) (*junit.Suite, error) {
	suite := &junit.Suite{Name: b.o.Name, Start: b.run.tally.Start, Visible: b.o.Visible}
	var known map[Key]store.ItemTask
	for l, err := range b.checked() {
		if err == nil && l.Index%chunk == 0 {
			known, err = b.run.items(ctx, b.places[l.Index:min(l.Index+chunk, len(b.places))])
		}
		if err != nil {
			return nil, err
		}
		one := junit.Case{Outcome: junit.Skipped, Message: "not sent"}
		if i, sent := known[l.Key]; sent {
			if one, err = testCase(ctx, b.run.store, i); err != nil {
				return nil, err
			}
		}
		one.Name = cmp.Or(l.ID, b.promptOf(l), l.Name())
		suite.Cases = append(suite.Cases, one)
	}
	return suite, nil
}

// promptOf returns the prompt of a line, "" if it has none any more.
func (b *Batch) promptOf(l Line) string {
	plan, err := b.plan(l)
	if err != nil {
		return ""
	}
	return plan.Prompt
}

// Report returns the report of the batch of that name: a test case for each line that was
// sent, in input order, those last that are no longer in the input. The error may be
// ErrNoBatch.
func Report(ctx context.Context, r Reader, name string, visible func(string) string) (*junit.Suite, error) {
	b, err := named(ctx, r, name)
	if err != nil {
		return nil, err
	}
	suite := &junit.Suite{Name: b.Name, Start: b.BegunAt, Visible: visible}
	prompts, err := promptsOf(ctx, r, b.Number)
	if err != nil {
		return nil, err
	}
	return suite, r.EachItem(ctx, b.Number, func(i store.ItemTask) error {
		one, err := testCase(ctx, r, i)
		one.Name = cmp.Or(i.ID, prompts[Key(i.Key)], keptOutcome(i).Line.Name())
		suite.Cases = append(suite.Cases, one)
		return err
	})
}

// promptsOf returns the prompts of the lines that are in the input, shortened.
func promptsOf(ctx context.Context, r Reader, number int64) (map[Key]string, error) {
	prompts := map[Key]string{}
	for after := 0; ; {
		page, err := r.Lines(ctx, store.LineQuery{Batch: number, After: after, Limit: chunk})
		for _, i := range page {
			prompts[Key(i.Key)], after = output.Cut(i.Task.Prompt, junit.MaxName+1), i.Line
		}
		if err != nil || len(page) < chunk {
			return prompts, err
		}
	}
}

// testCase returns a line that was sent as a test case, without its name.
func testCase(ctx context.Context, r Reader, i store.ItemTask) (junit.Case, error) {
	o, c := keptOutcome(i), junit.Case{Time: i.Task.Took}
	if o.RequestID != "" {
		c.Properties = append(c.Properties, junit.Property{Name: "request-id", Value: o.RequestID})
	}
	if o.Phase == Finished {
		c.Properties = append(c.Properties, junit.Property{Name: "credits", Value: strconv.FormatFloat(i.Task.Credits, 'f', -1, 64)})
	}
	switch {
	case o.Succeeded():
	case o.Phase == Finished:
		if err := o.readResult(ctx, r); err != nil {
			return c, err
		}
		c.Outcome, c.Type = junit.Failed, string(o.StatusName())
		if o.Result != nil {
			c.Text = o.Result.Text()
		}
		c.Message = cmp.Or(c.Text, c.Type)
		if !o.Matches() {
			c.Type, c.Message, c.Text = string(StatusMismatch), o.Mismatch.Text(), strings.Join(o.All(), "\n")
		}
	case o.Phase == New:
		c.Outcome, c.Message = junit.Skipped, o.Failure
	case o.Phase == Running:
		c.Outcome, c.Type, c.Message = junit.Broken, string(narada.StatusPending), o.Reason()
	default:
		c.Outcome, c.Type, c.Message = junit.Broken, string(o.StatusName()), whyNoResult(o)
	}
	return c, nil
}
