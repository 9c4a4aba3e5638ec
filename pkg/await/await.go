// Package await dispatches tasks and waits for their answers. One Engine does both
// for all commands that send tasks or ask for them: an answer comes by a callback, by
// a status call, or from another process by way of the store, and goes to the waiter
// of its task, whichever way it comes. What happens to a task is written into the
// store as it happens.
//
// Three state machines say what may happen: a task (taskState), where callbacks come
// in (reception), and whether anybody can still tell of a task (waiter.lost).
//
// The package is private to narada. It knows neither where callbacks come in nor how
// the store keeps things, and words nothing for people.
package await

import (
	"errors"
	"net/http"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
)

// Way is how an answer came.
type Way string

// The ways.
const (
	ByCallback Way = "callback"
	ByPoll     Way = "poll"
)

// Answer is what the cloud said of a task: its result, or how it stands.
type Answer struct {
	Task      int64          // its number in the store, 0 when it is not there
	Ticket    string         // path of its ticket, "" when it has none here
	RequestID string         // "" when it is not known
	Result    *narada.Result // nil with an error
	By        Way
}

// UnfinishedError is a wait that ended before the task did.
type UnfinishedError struct {
	ID      string         // "" when it is not known whether the task was accepted
	Last    *narada.Result // newest state heard of, nil when none was
	Cause   error          // of the context's end, or why nobody can tell of the task any more
	Failure error          // of the newest status call, nil when it did not fail
}

func (e *UnfinishedError) Error() string {
	if e.ID == "" {
		return "the wait for a task that may have been accepted ended: " + e.Cause.Error()
	}
	return "the wait for " + e.ID + " ended: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *UnfinishedError) Unwrap() error { return e.Cause }

// NotKeptError is a task that was not sent, since it could not be kept.
type NotKeptError struct{ Err error }

func (e *NotKeptError) Error() string { return "the task could not be kept: " + e.Err.Error() }

// Unwrap returns the store's error.
func (e *NotKeptError) Unwrap() error { return e.Err }

// NoTimeError is a dispatch that was not sent again although it might have been:
// the time limit leaves no room for another attempt.
type NoTimeError struct{ Err error }

func (e *NoTimeError) Error() string {
	return e.Err.Error() + "; the time limit leaves no room for another attempt"
}

// Unwrap returns the last attempt's error.
func (e *NoTimeError) Unwrap() error { return e.Err }

var (
	errNoCallbacks = errors.New("no callback can come any more")
	errNoStore     = errors.New("there is no store")
)

// NotFound reports whether the cloud does not know the request ID, which may
// pass in the moments after it was given out.
func NotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// RefusesRequest reports whether a dispatch failed because the API refused what is in
// the one request: 400, 409, 413, 415 or 422.
func RefusesRequest(err error) bool {
	return hasStatus(err, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
}

func hasStatus(err error, statuses ...int) bool {
	api, ok := errors.AsType[*narada.APIError](err)
	return ok && slices.Contains(statuses, api.StatusCode)
}
