package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/narada"
)

// Limits of a Handler, unless options set others.
const (
	DefaultMaxBody = 32 << 20  // bytes of one body
	DefaultBudget  = 128 << 20 // bytes of all bodies in flight
)

// Delivery is a genuine callback. It prints without header and body, which have what
// proves it.
type Delivery struct {
	Ticket     Ticket
	Result     *narada.Result
	Header     http.Header
	Body       []byte // as it came, the secret in it too
	ReceivedAt time.Time
}

// Format writes whose callback it is, whatever the verb.
func (d Delivery) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.LogValue().String()) }

// LogValue implements slog.LogValuer.
func (d Delivery) LogValue() slog.Value {
	text := "callback ***"
	if d.Result != nil {
		text = "callback of " + d.Result.RequestID
	}
	return slog.StringValue(text)
}

// Sink takes deliveries. Deliver returns nil once the delivery is safe: the
// cloud is then told that it arrived, and will not send it again. On an error
// the cloud is answered 503, and may. It is called by many goroutines at once.
type Sink interface {
	Deliver(context.Context, Delivery) error
}

// SinkFunc is a function that is a Sink.
type SinkFunc func(context.Context, Delivery) error

// Deliver calls f.
func (f SinkFunc) Deliver(ctx context.Context, d Delivery) error { return f(ctx, d) }

// Handler answers callbacks. It refuses a stranger as early as it can, in this
// order: 404 unknown path, 405 not POST, 401 wrong or missing header, 415 not
// JSON, 413 body over the limit, 503 no memory for it now, 400 malformed, 401
// wrong secret, 503 the sink failed; else 200 and {"received":true}. The other
// answers are {"error": text}.
type Handler struct {
	tickets    TicketStore
	sink       Sink
	maxBody    int64
	budgetSize int64
	budget     *semaphore.Weighted
	refused    func(*http.Request, int, error)
	now        func() time.Time
}

// Option changes a Handler that is being made.
type Option func(*Handler)

// WithMaxBody sets the most bytes that a body may have.
func WithMaxBody(n int64) Option { return func(h *Handler) { h.maxBody = n } }

// WithBudget sets the most bytes that the bodies in flight may have together.
// Less than one body of the greatest size is taken as that.
func WithBudget(n int64) Option { return func(h *Handler) { h.budgetSize = n } }

// WithRefused sets a function that is told of each callback that was not
// accepted, with the status that it was answered.
func WithRefused(f func(r *http.Request, status int, reason error)) Option {
	return func(h *Handler) { h.refused = f }
}

// NewHandler returns a handler that looks tickets up in book and passes genuine
// callbacks on to sink.
func NewHandler(book TicketStore, sink Sink, options ...Option) *Handler {
	h := &Handler{
		tickets: book, sink: sink, maxBody: DefaultMaxBody, budgetSize: DefaultBudget, now: time.Now,
		refused: func(*http.Request, int, error) {},
	}
	for _, option := range options {
		option(h)
	}
	h.budget = semaphore.NewWeighted(max(h.budgetSize, h.maxBody))
	return h
}

// The refusals that Verify does not know.
var (
	errUnknownPath = errors.New("no such path")
	errMethod      = errors.New("only POST is answered here")
	errTooLarge    = errors.New("the body is too large")
	errBusy        = errors.New("busy, try again")
	errStore       = errors.New("could not be stored, try again")
	errBody        = errors.New("the body could not be read")
)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, err := h.accept(r)
	if err != nil {
		h.refused(r, status, err)
		refuse(w, status, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"received": true})
}

// accept takes the callback in, or says with what status to refuse it.
func (h *Handler) accept(r *http.Request) (status int, err error) {
	ticket, known, err := h.tickets.Ticket(r.Context(), r.URL.Path)
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, errors.Join(errStore, err)
	case !known:
		return http.StatusNotFound, errUnknownPath
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, errMethod
	}
	if err := verifyHeader(ticket, r.Header); err != nil {
		return http.StatusUnauthorized, err
	}
	if err := verifyMediaType(r.Header); err != nil {
		return http.StatusUnsupportedMediaType, err
	}
	body, release, status, err := h.read(r)
	if err != nil {
		return status, err
	}
	defer release()
	result, err := verifyBody(ticket, body)
	switch {
	case errors.Is(err, ErrSecret):
		return http.StatusUnauthorized, err
	case err != nil:
		return http.StatusBadRequest, err
	}
	d := Delivery{Ticket: ticket, Result: result, Header: r.Header, Body: body, ReceivedAt: h.now()}
	if err := h.sink.Deliver(r.Context(), d); err != nil {
		return http.StatusServiceUnavailable, errors.Join(errStore, err)
	}
	return http.StatusOK, nil
}

// read reads the body under the limits. The memory it takes is counted against
// the budget until release is called.
func (h *Handler) read(r *http.Request) (body []byte, release func(), status int, err error) {
	// A body of unknown length may grow to the limit.
	size := r.ContentLength
	if size < 0 {
		size = h.maxBody
	}
	if size > h.maxBody {
		return nil, nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	if !h.budget.TryAcquire(size) {
		return nil, nil, http.StatusServiceUnavailable, errBusy
	}
	release = func() { h.budget.Release(size) }
	body, err = io.ReadAll(io.LimitReader(r.Body, h.maxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		release()
		return nil, nil, http.StatusRequestTimeout, errors.Join(errBody, err)
	case err != nil:
		release()
		return nil, nil, http.StatusBadRequest, errors.Join(errBody, err)
	case int64(len(body)) > h.maxBody:
		release()
		return nil, nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	return body, release, 0, nil
}

// refuse answers with the error's own words where they are ours, and not those
// of a failing disk behind the sink.
func refuse(w http.ResponseWriter, status int, err error) {
	header := w.Header()
	switch status {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSecret) && !errors.Is(err, errStore) {
		header.Set("Connection", "close") // the body was not read, and is not worth it
	}
	text := err.Error()
	for _, public := range []error{errStore, errBody} {
		if errors.Is(err, public) {
			text = public.Error()
		}
	}
	answer(w, status, map[string]any{"error": text})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone is the caller's loss
}
