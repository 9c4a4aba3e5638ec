package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/signals"
)

// errorText words an error of a call.
func errorText(err error) string {
	if failure, ok := errors.AsType[*narada.DispatchError](err); ok {
		err = failure.Err
	}
	if failure, ok := errors.AsType[*narada.SessionError](err); ok {
		err = failure.Err
	}
	if failure, ok := errors.AsType[*narada.CallError](err); ok {
		err = failure.Err
	}
	if failure, ok := errors.AsType[*url.Error](err); ok {
		return network.ErrorText(failure)
	}
	return err.Error()
}

// cause words why a wait ended.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time limit is over"
	}
	return errorText(err)
}

// callError is the error that a call failed: what failed, and why. When ctx has ended,
// that is the reason.
func callError(ctx context.Context, what string, err error) *exitError {
	if ctx.Err() != nil {
		return &exitError{code: codeUnreachable, text: what + ": " + cause(context.Cause(ctx)), err: err}
	}
	return &exitError{code: exitCode(err), text: what + ": " + errorText(err), next: ownHint(err), err: err}
}

// logRetry warns that a call failed and is repeated.
func logRetry(inv *invocation, event, what string, err error, in time.Duration) {
	inv.log.Warn(event, fmt.Sprintf("%s; retrying in %s: %s", what, in.Round(100*time.Millisecond), errorText(err)))
}

// warnWithHint warns of an error, and of what follows from it, and says what to do.
func warnWithHint(inv *invocation, event, consequence string, err error) {
	inv.log.Warn(event, err.Error()+consequence)
	if hint := hintOf(inv, err); hint != "" {
		inv.log.Hint(hint)
	}
}

// logError reports an error that does not end the command.
func logError(inv *invocation, err error) {
	logCrash(inv, err)
	inv.log.Error("error", err.Error(), hintOf(inv, err), exitField(exitCode(err))...)
}

// endedBy puts what ended a call before, or in place of, the text of its failure.
func endedBy(err error, text string, maybe bool) string {
	if signal, interrupted := errors.AsType[*signals.Error](err); interrupted {
		return signal.Error()
	}
	limit, limited := errors.AsType[*timeLimitError](err)
	switch {
	case limited && maybe:
		return limit.Error()
	case limited && !strings.HasPrefix(text, limit.Error()):
		return limit.Error() + ": " + text
	}
	return text
}

// dispatchError words an error of a dispatch.
func dispatchError(err error) error {
	const unknown = "it is not known whether the task was accepted"
	const lookFirst = "it may be running: look in the cloud before you run this again"
	if unfinished, ok := errors.AsType[*await.UnfinishedError](err); ok && unfinished.ID == "" {
		return &exitError{code: codeUnknown, text: cause(unfinished.Cause) + ": " + unknown, next: lookFirst, err: err}
	}
	failure, ok := errors.AsType[*narada.DispatchError](err)
	if !ok {
		return err
	}
	e := &exitError{code: exitCode(err), text: errorText(failure.Err), next: ownHint(err), err: err}
	if noTime, ok := errors.AsType[*await.NoTimeError](failure.Err); ok {
		e.text = errorText(noTime.Err) + "; the time limit leaves no time for another attempt"
	}
	interrupted, limited := is[*signals.Error](err), is[*timeLimitError](err)
	e.text = endedBy(err, e.text, failure.Maybe)
	switch {
	case failure.Maybe && (interrupted || limited):
		e.code, e.text, e.next = codeUnknown, e.text+": "+unknown, lookFirst
	case failure.Maybe:
		e.code, e.text, e.next = codeUnknown, unknown+": "+e.text, lookFirst
	case interrupted:
		e.text += ": nothing was accepted"
	case e.code == codeUnreachable:
		e.next = "nothing was accepted: it is safe to run this again"
	}
	return e
}
