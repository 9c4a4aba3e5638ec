package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// resume is the command that goes on with a task.
func resume(id string, words ...string) string {
	return strings.Join(append(words, output.ShellWord(id)), " ")
}

// commandLine is a command of narada with the global flags that this one was given, as
// far as they say which cloud is meant.
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

// resumeLine is the command, without the ID, that goes on with a wait, or tells
// how a task ended that does not go on; nil where nothing can.
func resumeLine(inv *invocation, fate, schema string, noValidate bool, out outputFlags) []string {
	var words []string
	switch fate {
	case fateSandbox:
		return nil
	case fateSession:
		words = commandLine(inv, "status")
	default:
		words = commandLine(inv, "status", "--wait")
	}
	if schema != "-" {
		words = addFlag(words, "--schema", schema)
	}
	if noValidate {
		words = append(words, "--no-validate")
	}
	if out.format != "text" {
		words = addFlag(words, "-o", out.format)
	}
	return addFlag(words, "--jq", out.jq)
}

// lookFirst is the hint for a task of which nobody knows whether it runs.
const lookFirst = "it may run in the cloud: look there before you run this again"

// What becomes of a task that nobody waits for any more.
const (
	fateGoesOn  = "goes on in the cloud, and there is no call that cancels it"
	fateSandbox = "ends with the sandbox"
	fateSession = "ended with its session"
	fateMaybe   = "may go on in its session, which was not stopped"
)

// noAnswer says how a task without an answer stands. Without resume words there
// is nothing to wait for.
func noAnswer(inv *invocation, p *printer, err error, fate string, resumeWords []string) error {
	unfinished, ok := errors.AsType[*await.UnfinishedError](err)
	if !ok {
		return explainDispatch(err)
	}
	if unfinished.ID == "" {
		return explainDispatch(err)
	}
	e := &exitError{code: codeUnfinished, err: err,
		text: fmt.Sprintf("%s: %s %s", cause(unfinished.Cause), unfinished.ID, fate)}
	if resumeWords != nil {
		e.next = resume(unfinished.ID, resumeWords...)
	}
	if api, ok := errors.AsType[*narada.APIError](unfinished.Cause); ok && api.Unauthorized() {
		e.code = codeUnauthorized
	}
	switch printErr := p.printUnfinished(unfinished.ID, unfinished.Last); {
	case errPipe(printErr):
		e.err = printErr
		sayError(inv, &exitError{code: e.code, text: e.text, next: e.next})
	case printErr != nil:
		e.code, e.text = codeUnexpected, printErr.Error()+"; "+e.text
	}
	return e
}

// callFailed words why a call for what failed: the end of ctx comes before what the
// call says of it.
func callFailed(ctx context.Context, inv *invocation, what string, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: codeUnreachable, text: what + ": " + cause(context.Cause(ctx)), err: err}
	}
	return &exitError{code: exitCode(err), text: what + ": " + explain(err), next: hintOf(err), err: err}
}

// cause words why a wait ended.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeLimit.Error()
	}
	return explain(err)
}

// explainDispatch words an error of a dispatch for people.
func explainDispatch(err error) error {
	if unfinished, ok := errors.AsType[*await.UnfinishedError](err); ok && unfinished.ID == "" {
		return &exitError{code: codeUnknown, err: err, next: lookFirst,
			text: cause(unfinished.Cause) + ": it is not known whether the task was accepted"}
	}
	failure, ok := errors.AsType[*narada.DispatchError](err)
	if !ok {
		return err
	}
	text := explain(failure.Err)
	if noTime, ok := errors.AsType[*await.NoTimeError](failure.Err); ok {
		text = explain(noTime.Err) + "; no time is left to retry"
	}
	signal, interrupted := errors.AsType[*signalError](err)
	switch {
	case interrupted:
		text = signal.Error()
	case errors.Is(err, errTimeLimit) && failure.Maybe:
		text = errTimeLimit.Error()
	case errors.Is(err, errTimeLimit):
		text = errTimeLimit.Error() + ": " + text
	}
	switch {
	case failure.Maybe && (interrupted || errors.Is(err, errTimeLimit)):
		return &exitError{code: codeUnknown, err: err, next: lookFirst, text: text + ": it is not known whether the task was accepted"}
	case failure.Maybe:
		return &exitError{code: codeUnknown, err: err, next: lookFirst, text: "it is not known whether the task was accepted: " + text}
	case interrupted:
		return &exitError{code: exitCode(err), err: err, text: text + ": nothing was accepted"}
	}
	e := &exitError{code: exitCode(err), text: text, next: hintOf(err), err: err}
	if e.code == codeUnreachable {
		e.next = "nothing was accepted: it is safe to run this again"
	}
	return e
}

// sayError prints an error that does not end the command.
func sayError(inv *invocation, err error) {
	inv.log.Error("error", err.Error(), hintOf(err), exitField(exitCode(err))...)
}

// isTaskCode reports whether the code says how a task ended.
func isTaskCode(code int) bool {
	return code == codeFailed || code == codeMismatch || code == codeInput
}

// worse orders the codes of several tasks: what went wrong with the lookup
// first, then how the tasks stand.
func worse(a, b int) bool {
	order := []int{codeDone, codeUnfinished, codeInput, codeMismatch, codeFailed, codeRefused, codeUnreachable, codeUnauthorized, codeUnexpected}
	rank := func(code int) int {
		if i := slices.Index(order, code); i >= 0 {
			return i
		}
		return len(order)
	}
	return rank(a) > rank(b)
}
