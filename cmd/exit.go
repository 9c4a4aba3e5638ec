package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/tunnel"
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

	codeSignal = -1 // dies of the signal that came instead
	codePipe   = -2 // dies of SIGPIPE instead
)

// errTimeLimit is the cause of a context that --timeout ended.
var errTimeLimit = errors.New("the time limit is over")

// exitError is an error with the exit code that it ends the program with. With
// no text, all has been said.
type exitError struct {
	code int
	text string
	next string // hint
	err  error
}

func (e *exitError) Error() string { return e.text }
func (e *exitError) Unwrap() error { return e.err }

// Hint returns what to do next.
func (e *exitError) Hint() string { return e.next }

func usageError(next, format string, args ...any) error {
	return &exitError{code: codeUsage, text: fmt.Sprintf(format, args...), next: next}
}

// silent ends the program with code: all has been said.
func silent(code int) error {
	if code == codeDone {
		return nil
	}
	return &exitError{code: code}
}

// exit says what went wrong and returns the exit code.
func (inv *invocation) exit(ctx context.Context, err error) int {
	if err == nil {
		return codeDone
	}
	if errPipe(err) {
		return codePipe
	}
	code := exitCode(err)
	if sig := signalOf(ctx); sig != nil && code != codeDone {
		if code == codeUsage { // a read of stdin was ended: the input is not to blame
			err = &exitError{text: cause(context.Cause(ctx)) + ": nothing was done"}
		}
		code = codeSignal
	}
	if text := err.Error(); text != "" {
		inv.talk.Error("error", text, hintOf(err), inv.exitField(code)...)
	}
	return code
}

// exitCode finds the code for an error: its own, or that of its kind.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if isInput(err) {
		return codeUsage
	}
	if _, ok := errors.AsType[*tunnel.Error](err); ok {
		return codeEndpoint
	}
	if e, ok := errors.AsType[*await.UnfinishedError](err); ok {
		if e.ID == "" {
			return codeUnknown
		}
		return codeUnfinished
	}
	if e, ok := errors.AsType[*narada.APIError](err); ok && e.Unauthorized() {
		return codeUnauthorized
	}
	if e, ok := errors.AsType[*narada.DispatchError](err); ok && e.Maybe {
		return codeUnknown
	}
	if e, ok := errors.AsType[*narada.SessionError](err); ok && e.Maybe {
		return codeUnknown
	}
	if e, ok := errors.AsType[*narada.APIError](err); ok && !e.Temporary() {
		return codeRefused
	}
	if e, ok := errors.AsType[*narada.StorageError](err); ok && !e.Temporary() {
		return codeRefused
	}
	if errors.Is(err, narada.ErrNotStopped) {
		return codeRefused
	}
	if isAPI(err) {
		return codeUnreachable
	}
	return codeUnexpected
}

// isInput reports whether err is about what was typed or is set.
func isInput(err error) bool {
	_, isTask := errors.AsType[*task.InputError](err)
	_, isSetting := errors.AsType[*config.InvalidError](err)
	_, isKey := errors.AsType[*config.UnknownKeyError](err)
	_, isEndpoint := errors.AsType[*tunnel.UsageError](err)
	_, isSandbox := errors.AsType[*sandbox.AddressError](err)
	return isTask || isSetting || isKey || isEndpoint || isSandbox
}

// isAPI reports whether err is a call to the API that failed.
func isAPI(err error) bool {
	_, isDispatch := errors.AsType[*narada.DispatchError](err)
	_, isAnswer := errors.AsType[*narada.AnswerError](err)
	_, isStatus := errors.AsType[*narada.APIError](err)
	_, isSession := errors.AsType[*narada.SessionError](err)
	return isDispatch || isAnswer || isStatus || isSession || narada.Temporary(err)
}

// hintOf returns what to do about err.
func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	switch exitCode(err) {
	case codeUnauthorized:
		return "narada config set api-key - reads a new key; narada config list shows where the one in use comes from"
	}
	return ""
}
