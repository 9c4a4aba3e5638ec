package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// outputFlags are -o and --jq.
type outputFlags struct {
	format string
	jq     string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`format` of stdout: text or json")
	cmd.Flags().StringVar(&o.jq, "jq", "", "print what the jq `expression` makes of the JSON; strings come out raw")
	fixed(cmd, "output", "text", "json")
}

// printer is stdout as a command writes to it.
type printer struct {
	*output.Printer
	json bool // documents, and not text, are wanted
}

func (inv *invocation) printer(ctx context.Context, o outputFlags) (*printer, error) {
	format, err := output.ParseFormat(o.format)
	if err != nil {
		return nil, usageError("", "--output: %v", err)
	}
	var query *output.Query
	if o.jq != "" {
		if query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return nil, usageError("", "--jq: %v", err)
		}
	}
	stdout := inv.app.Stdout
	if inv.app.StdoutTerminal { // the spinner's own, perhaps
		stdout = inv.log.Over(stdout)
	}
	return &printer{
		Printer: output.NewPrinter(stdout, inv.app.StdoutTerminal, query),
		json:    format == output.JSON || query != nil,
	}, nil
}

// expectation is what the answer's data must fit.
type expectation struct {
	schema *schema.Schema // nil: the data is not checked
	asked  bool           // data was asked for
}

// printResult prints a finished task: the answer on stdout, how it went on
// stderr. The error it returns carries the task's exit code.
func (inv *invocation) printResult(p *printer, r *narada.Result, want expectation) error {
	violations, err := want.violations(r)
	if err != nil {
		return err
	}
	ok := r.Status == narada.StatusSuccess && len(violations) == 0
	switch {
	case p.json:
		err = p.JSON(r.Raw())
	case ok && want.asked && r.Structured() != nil:
		err = p.JSON(r.Structured())
	case ok && r.Text() != "":
		err = p.Text(r.Text())
	case ok && r.Structured() != nil:
		err = p.JSON(r.Structured())
	case !ok && r.Text() != "":
		inv.log.Text("answer", r.Text(), slog.Any("requestId", r.RequestID))
	}
	switch {
	case errPipe(err):
		return err
	case err != nil:
		return &exitError{code: codeUnexpected, text: err.Error(), next: resume(r.RequestID, commandLine(inv, "status")...), err: err}
	}
	return verdict(inv, r, violations)
}

// verdict says how the task ended and returns the error with its exit code.
func verdict(inv *invocation, r *narada.Result, violations []schema.Violation) error {
	line := statusLine(r)
	switch {
	case r.Status == narada.StatusInputRequired:
		return &exitError{code: codeInput, text: line,
			next: "continue the conversation: narada run --previous " + output.ShellWord(r.RequestID) + " PROMPT"}
	case r.Status != narada.StatusSuccess:
		return &exitError{code: codeFailed, text: line}
	case len(violations) > 0:
		for _, v := range violations {
			where := v.Pointer
			if where == "" {
				where = "the data"
			}
			inv.log.Text("violation", "schema: "+where+": "+v.Message,
				slog.Any("pointer", v.Pointer), slog.Any("requestId", r.RequestID))
		}
		return &exitError{code: codeMismatch, text: line + ", but its data does not fit the schema"}
	}
	inv.log.Info("finished", line, resultFields(r)...)
	return nil
}

// violations lists how the answer's data differs from the schema; data that is
// missing altogether does.
func (w expectation) violations(r *narada.Result) ([]schema.Violation, error) {
	if w.schema == nil || r.Status != narada.StatusSuccess {
		return nil, nil
	}
	data := r.Structured()
	if data == nil {
		return []schema.Violation{{Message: "there is no structured data in the answer"}}, nil
	}
	return w.schema.Validate(data)
}

// statusLine is "req_1: success in 45s, 12 actions, 5 credits".
func statusLine(r *narada.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.RequestID, r.Status)
	if d := r.Duration(); d > 0 {
		fmt.Fprintf(&b, " in %s", units.Round(d))
	}
	if r.Usage != nil {
		fmt.Fprintf(&b, ", %d action%s, %g credit%s", r.Usage.Actions, plural(r.Usage.Actions != 1), r.Usage.Credits, plural(r.Usage.Credits != 1))
	}
	return b.String()
}

func plural(many bool) string {
	if many {
		return "s"
	}
	return ""
}

// verb is one for a single thing, and many for others.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func resultFields(r *narada.Result) []slog.Attr {
	fields := []slog.Attr{slog.Any("requestId", r.RequestID), slog.Any("status", r.Status)}
	if r.Usage != nil {
		fields = append(fields, slog.Any("actions", r.Usage.Actions), slog.Any("credits", r.Usage.Credits))
	}
	return fields
}

// humanLine says that a person is asked.
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

// printUnfinished prints, as JSON, the last that is known of a task that has not
// finished.
func (p *printer) printUnfinished(id string, last *narada.Result) error {
	if !p.json {
		return nil
	}
	if last != nil {
		return p.JSON(last.Raw())
	}
	return p.Value(struct {
		RequestID string        `json:"requestId"`
		Status    narada.Status `json:"status"`
	}{id, narada.StatusPending})
}
