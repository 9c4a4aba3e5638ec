package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/runner"
)

// resume is the command that goes on with a task.
func resume(id string, words ...string) string {
	return strings.Join(append(words, shellQuote(id)), " ")
}

// resumeWords is the command, without the ID, that goes on with a wait.
func (s *session) resumeWords(schema string, noValidate bool, out outputFlags) []string {
	words := []string{"narada", "status", "--wait"}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, flag, shellQuote(value))
		}
	}
	add("--profile", s.profile)
	add("--base-url", s.baseURL)
	if schema != "-" {
		add("--schema", schema)
	}
	if noValidate {
		words = append(words, "--no-validate")
	}
	if out.format != "text" {
		add("-o", out.format)
	}
	add("--jq", out.jq)
	return words
}

// lookFirst is the hint for a task of which nobody knows whether it runs.
const lookFirst = "it may run in the cloud: look there before you run this again"

// What becomes of a task that nobody waits for any more.
const (
	fateGoesOn  = "goes on in the cloud, and there is no call that cancels it"
	fateSandbox = "ends with the sandbox"
	fateSession = "ends with its session, which is stopped now"
)

// unanswered says how a task without an answer stands. Without resume words there
// is nothing to wait for.
func (s *session) unanswered(p *printer, err error, fate string, resumeWords []string) error {
	unfinished, ok := errors.AsType[*runner.UnfinishedError](err)
	if !ok {
		return explainDispatch(err)
	}
	why := cause(unfinished.Cause)
	if unfinished.ID == "" {
		return &exitError{code: codeUnknown, err: err, next: lookFirst,
			text: why + ": it is not known whether the task was accepted"}
	}
	e := &exitError{code: codeUnfinished, err: err,
		text: fmt.Sprintf("%s: %s %s", why, unfinished.ID, fate)}
	if resumeWords != nil {
		e.next = resume(unfinished.ID, resumeWords...)
	}
	if api, ok := errors.AsType[*narada.APIError](unfinished.Cause); ok && api.Unauthorized() {
		e.code = codeUnauthorized
	}
	switch printErr := p.printUnfinished(unfinished.ID, unfinished.Last); {
	case errPipe(printErr):
		e.err = printErr
		s.say(&exitError{code: e.code, text: e.text, next: e.next})
	case printErr != nil:
		e.code, e.text = codeUnexpected, printErr.Error()+"; "+e.text
	}
	return e
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
	failure, ok := errors.AsType[*narada.DispatchError](err)
	if !ok {
		return err
	}
	text := explain(failure.Err)
	if noTime, ok := errors.AsType[*runner.NoTimeError](failure.Err); ok {
		text = explain(noTime.Err) + "; the time limit leaves no room for another attempt"
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
