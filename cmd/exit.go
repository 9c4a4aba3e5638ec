package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/ci"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/oserr"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// The exit codes, the same for every command.
const (
	codeDone         = 0
	codeUnexpected   = 1
	codeUsage        = 2
	codeFailed       = 3
	codeInput        = 4
	codeUnfinished   = 5
	codeUnauthorized = 6
	codeUnreachable  = 7
	codeEndpoint     = 8
	codeMismatch     = 9
	codeUnknown      = 10
	codeRefused      = 11

	codeSignal = -1 // the program dies of the signal that it received
	codePipe   = -2 // the program dies of SIGPIPE
)

// exitMeaning is an exit code with its meaning, for narada help exit-codes and README.md,
// and the errors of rooms that lead to it.
type exitMeaning struct {
	code          int
	name, meaning string
	errors        func(error) bool // nil: only a command decides on it
}

// exitMeanings are the exit codes, the worst first. An error has the first code that fits;
// of several tasks, the worst counts.
func exitMeanings() []exitMeaning {
	return []exitMeaning{
		{codeUnexpected, "unexpected", "unexpected failure", nil},
		{codeUsage, "usage", "wrong usage or input; nothing was sent", isInput},
		{codeUnauthorized, "unauthorized", "not authorised: no API key, or the API refused it", isUnauthorized},
		{codeEndpoint, "endpoint", "the callback endpoint (tunnel, address, certificate) could not be opened", is[*tunnel.Error]},
		{codeUnreachable, "unreachable", "the API, or the store that a setting names, could not be reached or kept failing, and nothing was accepted: safe to run again", isUnreachable},
		{codeUnknown, "unknown", "it is not known whether the task was accepted or the session was started: look before running again", mayBeAccepted},
		{codeRefused, "refused", "the API or the file storage refused the request; its reason is on stderr", isRefused},
		{codeFailed, "failed", "the command ran and the result is a failure: a task ended in error, a line of a batch did not succeed, a check, trigger or replay was refused", nil},
		{codeMismatch, "mismatch", "the answer does not match what was asked of it: the JSON Schema, or an --assert expression", nil},
		{codeInput, "input-required", "the task ended in input-required", nil},
		{codeUnfinished, "unfinished", "not finished in time, or still pending with --exit-status; stderr has the ID and the command that resumes the wait", is[*await.UnfinishedError]},
		{codeDone, "done", "done; the task succeeded", nil},
	}
}

// exitCodes are the exit codes in their order.
func exitCodes() []exitMeaning {
	return slices.SortedFunc(slices.Values(exitMeanings()), func(a, b exitMeaning) int { return a.code - b.code })
}

// worse reports whether a is a worse code than b. That of a signal is the worst.
func worse(a, b int) bool {
	rank := func(code int) int {
		return slices.IndexFunc(exitMeanings(), func(e exitMeaning) bool { return e.code == code })
	}
	return rank(a) < rank(b)
}

// timeLimitError is the cause of a context that a time limit ended.
type timeLimitError struct {
	limit  time.Duration
	origin string // the flag, or else the origin of the setting
}

func (e *timeLimitError) Error() string {
	return "not finished within " + units.Format(e.limit) + " (" + e.origin + ")"
}

// exitError is an error with its exit code. Without text, everything was reported
// before.
type exitError struct {
	code int
	text string
	next string // hint
	err  error
}

func (e *exitError) Error() string { return e.text }
func (e *exitError) Unwrap() error { return e.err }

// Hint says what to do next.
func (e *exitError) Hint() string { return e.next }

// errPipe reports whether err is that the reader of stdout has closed it.
func errPipe(err error) bool { return oserr.Unread(err) }

// exitWith ends the program with code, without another message.
func exitWith(code int) error {
	if code == codeDone {
		return nil
	}
	return &exitError{code: code}
}

// exit reports err and returns the exit code.
func exit(ctx context.Context, inv *invocation, err error) (code int) {
	defer func() { writeSummary(inv, code, err) }()
	if err == nil {
		return codeDone
	}
	if errPipe(err) {
		return codePipe
	}
	code = exitCode(err)
	if sig := signals.Of(ctx); sig != nil && code != codeDone {
		if code == codeUsage { // the signal ended a read of stdin
			err = &exitError{text: cause(context.Cause(ctx)) + ": nothing was done"}
		}
		code = codeSignal
	}
	if text := err.Error(); text != "" {
		logCrash(inv, err)
		inv.log.Error("error", text, hintOf(inv, err), exitField(code)...)
	}
	return code
}

// writeSummary writes the summary of a step, if there is one, with the error.
func writeSummary(inv *invocation, code int, err error) {
	if inv.summary == nil {
		return
	}
	outcome, said := "interrupted", ""
	for _, e := range exitMeanings() {
		if e.code == code {
			outcome = fmt.Sprintf("%s (exit code %d)", e.name, code)
		}
	}
	if err != nil && err.Error() != "" {
		said = err.Error()
		if hint := hintOf(inv, err); hint != "" {
			said += "\nhint: " + hint
		}
	}
	if err := inv.summary.Append(ci.SummaryFile(inv.app.getenv), outcome, said); err != nil {
		inv.log.Warn("summary", "the summary of the step was not written: "+err.Error())
	}
}

// exitField is the exit code in the JSON log.
func exitField(code int) []slog.Attr {
	if code == codeSignal {
		return nil
	}
	return []slog.Attr{slog.Int("exitCode", code)}
}

// exitCode returns the code for an error: its own, or that of its kind.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	for _, e := range exitMeanings() {
		if e.errors != nil && e.errors(err) {
			return e.code
		}
	}
	return codeUnexpected
}

// isAPI reports whether err is from a call to the API, and ended what was asked for.
func isAPI(err error) bool {
	called := is[*narada.DispatchError](err) || is[*narada.AnswerError](err) || is[*narada.APIError](err) || is[*narada.SessionError](err) || is[*narada.CallError](err) || is[*url.Error](err) || narada.Temporary(err)
	return called && !is[*await.UnfinishedError](err)
}

func isUnauthorized(err error) bool {
	api, ok := errors.AsType[*narada.APIError](err)
	return ok && isAPI(err) && api.Unauthorized() || is[*config.NoKeyError](err)
}

// mayBeAccepted reports whether the API may have done what a failed call asked for.
func mayBeAccepted(err error) bool {
	if unfinished, ok := errors.AsType[*await.UnfinishedError](err); ok {
		return unfinished.ID == ""
	}
	dispatch, isDispatch := errors.AsType[*narada.DispatchError](err)
	session, isSession := errors.AsType[*narada.SessionError](err)
	call, isCall := errors.AsType[*narada.CallError](err)
	return isDispatch && dispatch.Maybe || isSession && session.Maybe || isCall && call.Maybe
}

func isUnreachable(err error) bool {
	return isAPI(err) && !mayBeAccepted(err) && !isRefused(err) || is[*postgres.Error](err)
}

func isRefused(err error) bool {
	if mayBeAccepted(err) || is[*await.UnfinishedError](err) {
		return false
	}
	api, isStatus := errors.AsType[*narada.APIError](err)
	storage, isStorage := errors.AsType[*narada.StorageError](err)
	return isStatus && !api.Temporary() || isStorage && !storage.Temporary() || errors.Is(err, narada.ErrNotStopped)
}

// is reports whether err has the type E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isInput reports whether err is about the command line, a file or a setting.
func isInput(err error) bool {
	return is[*usage.Error](err) || is[*task.InputError](err) || is[*config.InvalidError](err) || is[*config.UnknownKeyError](err) ||
		is[*tunnel.UsageError](err) || is[*sandbox.AddressError](err)
}

// hintOf returns the hint for err, or "".
func hintOf(inv *invocation, err error) string {
	if hint := ownHint(err); hint != "" || exitCode(err) != codeUnauthorized || inv.settings == nil {
		return hint
	}
	return inv.settings.ReplaceKey(output.ShellWord)
}

// ownHint returns the hint that err has, or "".
func ownHint(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}
