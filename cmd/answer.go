package cmd

import (
	"cmp"
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// print prints a finished task: the answer on stdout, how it ended on stderr.
func (r *results) print(result *narada.Result) error {
	r.inv.summary.Task(result)
	errs, err := r.schema.CheckAnswer(result)
	if err != nil { // the answer is printed all the same
		errs, err = []schema.Violation{{Message: err.Error()}}, nil
	}
	var failed []assertion.Failure
	if result.Status == narada.StatusSuccess {
		failed = r.asserts.Check(r.ctx, result.Normalized(), r.inv.masker)
	}
	ok, data := result.Status == narada.StatusSuccess && len(errs)+len(failed) == 0, result.Structured()
	switch {
	case r.AsJSON:
		err = r.JSON(result.Raw())
	case ok && data != nil && (r.data || result.Text() == ""):
		err = r.JSON(data)
	case ok && result.Text() != "":
		err = r.Text(result.Text())
	case !ok && result.Text() != "":
		r.inv.log.Text("answer", result.Text(), requestField(result.RequestID))
	}
	if err != nil {
		return r.printed(result.RequestID, err)
	}
	return r.verdict(result, errs, failed)
}

// verdict reports how a task ended.
func (r *results) verdict(result *narada.Result, errs []schema.Violation, failed []assertion.Failure) error {
	line := statusLine(result)
	switch {
	case result.Status == narada.StatusInputRequired:
		e := &exitError{code: codeInput, text: line}
		if command := withID(commandLine(r.inv, "run", "--previous"), result.RequestID); command != "" {
			e.next = "continue the conversation: " + command + " PROMPT"
		}
		return e
	case result.Status != narada.StatusSuccess:
		return &exitError{code: codeFailed, text: line}
	case len(errs)+len(failed) > 0:
		return &exitError{code: codeMismatch, text: line + ", but " + r.mismatch(result.RequestID, errs, failed)}
	}
	r.inv.log.Info("finished", line, resultFields(result)...)
	return nil
}

// mismatch reports how an answer does not match what was asked of it.
func (r *results) mismatch(id string, errs []schema.Violation, failed []assertion.Failure) string {
	for _, v := range errs {
		text := "schema: " + cmp.Or(v.Pointer, "the data") + ": " + v.Message
		r.inv.summary.Mismatch(text)
		r.inv.log.Text("violation", text, slog.Any("pointer", v.Pointer), requestField(id))
	}
	for _, f := range failed {
		r.inv.summary.Mismatch("assert: " + f.String())
		r.inv.log.Text("violation", "assert: "+f.String(), slog.Any("assertion", f.Assertion), slog.Any("why", f.Why), slog.Any("found", f.Found), requestField(id))
	}
	const schemaText = "its data does not match the schema"
	switch text := units.Count(len(failed), "assertion") + " failed"; {
	case len(failed) == 0:
		return schemaText
	case len(errs) > 0:
		return schemaText + " and " + text
	default:
		return text
	}
}

// statusLine is "req_1: success in 45s, 12 actions, 5 credits".
func statusLine(r *narada.Result) string {
	line := fmt.Sprintf("%s: %s", shownID(r.RequestID), r.Status)
	if d := r.Duration(); d > 0 {
		line += fmt.Sprintf(" in %s", units.Round(d))
	}
	if r.Usage != nil {
		line += ", " + units.Count(r.Usage.Actions, "action") + ", " + units.Count(r.Usage.Credits, "credit")
	}
	return line
}

func resultFields(r *narada.Result) []slog.Attr {
	fields := []slog.Attr{requestField(r.RequestID), slog.Any("status", r.Status)}
	if r.Usage != nil {
		fields = append(fields, slog.Any("actions", r.Usage.Actions), slog.Any("credits", r.Usage.Credits))
	}
	return fields
}

// humanLine says that a task waits for a person.
func humanLine(id string, input narada.HumanInput) string {
	what := "asks for input"
	if input.Action.Name == "user_approval" {
		what = "asks for approval"
	}
	line := id + " " + what + " in its browser window"
	if input.Action.Message != "" {
		line += ": " + term.OneLine(input.Action.Message)
	}
	return line
}
