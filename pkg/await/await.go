// Package await dispatches tasks and waits for their answers. One Engine serves all
// commands that send or look up tasks: an answer arrives by a callback, by a status call,
// or from another process through the store, and is given to its task's waiter. What
// happens to a task is stored as it happens.
//
// There are three state machines: of a task (taskState), of the endpoint (reception), and
// of the sources that can still answer (waiter.lost).
//
// The package is private to narada.
package await

import (
	"errors"
	"net/http"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
)

// Way is how an answer arrived.
type Way string

// The ways.
const (
	ByCallback Way = "callback"
	ByPoll     Way = "poll"
)

// Answer is a task's result, or its state so far.
type Answer struct {
	Task      int64          // number in the store, 0 if it is not stored
	Ticket    string         // path of its ticket, "" if it has none here
	RequestID string         // "" if unknown
	Result    *narada.Result // nil with an error
	By        Way
}

// UnfinishedError is a wait that ended before the task did.
type UnfinishedError struct {
	ID      string         // "" if it is not known whether the task was accepted
	Last    *narada.Result // newest state, nil if none is known
	Cause   error          // of the context's end, or why no answer can arrive any more
	Failure error          // of the newest status call, nil if it did not fail
}

func (e *UnfinishedError) Error() string {
	if e.ID == "" {
		return "stopped waiting for a task that may have been accepted: " + e.Cause.Error()
	}
	return "stopped waiting for " + e.ID + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *UnfinishedError) Unwrap() error { return e.Cause }

// NotKeptError is a task that was not sent, because it could not be stored.
type NotKeptError struct{ Err error }

func (e *NotKeptError) Error() string { return "the task could not be stored: " + e.Err.Error() }

// Unwrap returns the store's error.
func (e *NotKeptError) Unwrap() error { return e.Err }

// NoTimeError is a dispatch that could have been retried, but not before the time limit.
type NoTimeError struct{ Err error }

func (e *NoTimeError) Error() string {
	return e.Err.Error() + "; no time is left to retry"
}

// Unwrap returns the last attempt's error.
func (e *NoTimeError) Unwrap() error { return e.Err }

var (
	errNoCallbacks = errors.New("no callback can arrive any more")
	errNoStore     = errors.New("there is no store")
)

// NotFound reports whether the cloud does not know the request ID. Just after the dispatch
// this may be temporary.
func NotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// RefusesRequest reports whether the API refused the content of a request: 400, 409, 413,
// 415 or 422.
func RefusesRequest(err error) bool {
	return hasStatus(err, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
}

func hasStatus(err error, statuses ...int) bool {
	api, ok := errors.AsType[*narada.APIError](err)
	return ok && slices.Contains(statuses, api.StatusCode)
}
