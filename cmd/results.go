package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/webhook"
)

// results prints what is known of tasks. The errors it returns have the task's exit code
// and the command that resumes.
type results struct {
	*output.Printer
	inv        *invocation
	out        outputFlags
	schemaFile string
	noValidate bool
	schema     *schema.Schema // nil: the answer's data is not checked
	asserts    assertion.List // what must be true of the answer
	ctx        context.Context
	data       bool  // structured data was requested
	maxBody    int64 // of --max-body; 0: the default
}

func newResults(ctx context.Context, inv *invocation, out outputFlags, schemaFile string, noValidate bool) (*results, error) {
	p, err := inv.printer(ctx, out)
	return &results{Printer: p, inv: inv, ctx: ctx, out: out, schemaFile: schemaFile, noValidate: noValidate}, err
}

// commandLine is a command of narada with the global flags that select the API.
func commandLine(inv *invocation, command ...string) []string {
	words := append([]string{"narada"}, command...)
	return addFlag(addFlag(words, "--profile", inv.profile), "--base-url", inv.baseURL)
}

func addFlag(words []string, flag, value string) []string {
	if value == "" {
		return words
	}
	return append(words, flag, output.ShellWord(value))
}

// withID is the command for the task; "" if that cannot be its ID, and the command would
// fail.
func withID(words []string, id string) string {
	if narada.CheckRequestID(id) != nil {
		return ""
	}
	return strings.Join(append(words, output.ShellWord(id)), " ")
}

// shownID is the ID as it is shown. One that can be none may have any length and characters.
func shownID(id string) string {
	if narada.CheckRequestID(id) != nil {
		return fmt.Sprintf("%.60q", id)
	}
	return id
}

// What happens to a task that a command stops waiting for.
const (
	outcomeRunning = "is still running; it cannot be cancelled"
	outcomeSandbox = "ended with the sandbox"
	outcomeSession = "ended with its session"
	outcomeUnknown = "may still be running in its session, which was not stopped"
)

// resume is the hint for a task that was not waited for; "" if there is none.
func (r *results) resume(id, outcome string) string {
	if narada.CheckRequestID(id) != nil {
		return ""
	}
	label, words := "resume: ", commandLine(r.inv, "status", "--wait")
	switch outcome {
	case outcomeSandbox:
		return ""
	case outcomeSession:
		label, words = "", commandLine(r.inv, "status")
	}
	if r.schemaFile != "-" {
		words = addFlag(words, "--schema", r.schemaFile)
	}
	if r.noValidate {
		words = append(words, "--no-validate")
	}
	for _, text := range r.asserts.Texts() {
		words = addFlag(words, "--assert", text)
	}
	if r.out.format != output.Text {
		words = addFlag(words, "-o", string(r.out.format))
	}
	return label + withID(addFlag(addFlag(words, "--jq", r.out.jq), "--max-body", r.maxBodyWord()), id)
}

// maxBodyWord is the value of --max-body, "" for the default.
func (r *results) maxBodyWord() string {
	const mebi = 1 << 20
	switch {
	case r.maxBody == 0 || r.maxBody == webhook.DefaultMaxBody:
		return ""
	case r.maxBody%mebi == 0:
		return fmt.Sprintf("%dMiB", r.maxBody/mebi)
	}
	return fmt.Sprintf("%dB", r.maxBody)
}

// stopped is the error that the command stopped waiting for a task.
func (r *results) stopped(id, outcome string, why error) *exitError {
	return &exitError{code: codeUnfinished, text: cause(why) + ": " + shownID(id) + " " + outcome, next: r.resume(id, outcome), err: why}
}

// maxBodyHint is what to do about an answer that is too large, "" for another error.
func maxBodyHint(err error) string {
	if is[*narada.TooLargeError](err) {
		return "; --max-body raises the limit"
	}
	return ""
}

// broken is the error of a wait that an answer that is too large or a panic has ended, nil
// for other ends.
func (r *results) broken(u *await.UnfinishedError, outcome string) *exitError {
	e := r.stopped(u.ID, outcome, u.Cause)
	e.code, e.err = codeUnexpected, u
	large, tooLarge := errors.AsType[*narada.TooLargeError](u.Cause)
	switch {
	case u.ID == "":
	case tooLarge:
		raised := *r
		raised.maxBody = 2 * large.Limit // the same limit would fail again
		e.text, e.next = u.ID+": "+errorText(u.Cause)+maxBodyHint(u.Cause), raised.resume(u.ID, outcome)
		return e
	case is[*panics.Error](u.Cause):
		return e
	}
	return nil
}

// unfinished prints what is known of a task without an answer, and returns why there is
// none.
func (r *results) unfinished(err error, outcome string) error {
	u, ok := errors.AsType[*await.UnfinishedError](err)
	if !ok || u.ID == "" {
		return dispatchError(err)
	}
	if broken := r.broken(u, outcome); broken != nil {
		return broken
	}
	e := r.stopped(u.ID, outcome, u.Cause)
	e.err = err
	if api, ok := errors.AsType[*narada.APIError](u.Cause); ok && api.Unauthorized() {
		e.code = codeUnauthorized
	}
	switch printErr := r.printLast(u.ID, u.Last); {
	case errPipe(printErr):
		logError(r.inv, &exitError{code: e.code, text: e.text, next: e.next})
		e.err = printErr
	case printErr != nil:
		e.code, e.text = codeUnexpected, printErr.Error()+"; "+e.text
	}
	return e
}

// printLast prints, as JSON, the last known state of a task that has not finished.
func (r *results) printLast(id string, last *narada.Result) error {
	switch {
	case !r.AsJSON:
		return nil
	case last != nil:
		return r.JSON(last.Raw())
	}
	return r.Value(struct {
		RequestID string        `json:"requestId"`
		Status    narada.Status `json:"status"`
	}{id, narada.StatusPending})
}

// printID prints the request ID of a task that was submitted.
func (r *results) printID(id string) error {
	return r.printed(id, r.Print(map[string]string{"requestId": id}, id))
}

// printed returns the error of printing to stdout, with the command that prints the task
// again.
func (r *results) printed(id string, err error) error {
	if err == nil || errPipe(err) {
		return err
	}
	return &exitError{code: codeUnexpected, text: err.Error(), next: withID(commandLine(r.inv, "status"), id), err: err}
}
