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

// The default limits of a Handler.
const (
	DefaultMaxBody = 32 << 20  // bytes of one body; see WithMaxBody
	DefaultBudget  = 128 << 20 // bytes of all bodies in flight; see WithBudget
)

// Delivery is a verified callback. Header and Body contain its credentials, so Format and
// LogValue omit them.
type Delivery struct {
	Ticket     Ticket
	Result     *narada.Result // without the secret
	Header     http.Header
	Body       []byte // as received, with the secret
	ReceivedAt time.Time
}

// Format implements fmt.Formatter: it writes the request ID only.
func (d Delivery) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.LogValue().String()) }

// LogValue implements slog.LogValuer.
func (d Delivery) LogValue() slog.Value {
	text := "callback ***"
	if d.Result != nil {
		text = "callback of " + d.Result.RequestID
	}
	return slog.StringValue(text)
}

// Sink receives deliveries. Deliver returns nil once the delivery is stored: the callback
// is then answered 200 and not sent again. On an error it is answered 503 with
// Retry-After, and the cloud may send it again. Deliver is called concurrently.
type Sink interface {
	Deliver(context.Context, Delivery) error
}

// SinkFunc is a Sink that is a function.
type SinkFunc func(context.Context, Delivery) error

// Deliver calls f.
func (f SinkFunc) Deliver(ctx context.Context, d Delivery) error { return f(ctx, d) }

// Handler answers callbacks. It refuses an unauthenticated request as early as possible,
// in this order:
//
//	404 unknown path
//	405 not POST
//	401 wrong or missing header
//	415 content type not JSON, or body compressed
//	413 body over the limit
//	503 bodies in flight over the budget
//	408 body not read before the server's deadline
//	400 body not read, or malformed
//	401 wrong secret
//	503 the Sink or the TicketStore failed
//
// Otherwise the answer is 200 {"received":true}. A refusal's body is {"error": TEXT}. The
// server sets the time limits, such as http.Server.ReadTimeout.
type Handler struct {
	tickets    TicketStore
	sink       Sink
	maxBody    int64
	budgetSize int64
	budget     *semaphore.Weighted
	refused    func(*http.Request, int, error)
}

// Option configures a Handler.
type Option func(*Handler)

// WithMaxBody sets the maximum size of a body in bytes. The default is DefaultMaxBody.
func WithMaxBody(n int64) Option { return func(h *Handler) { h.maxBody = n } }

// WithBudget sets the maximum size of all bodies in flight, in bytes. The default is
// DefaultBudget; the minimum is the maximum size of one body.
func WithBudget(n int64) Option { return func(h *Handler) { h.budgetSize = n } }

// WithRefused sets a function that is called for each refused request, before it is
// answered with the status. It is called concurrently.
func WithRefused(f func(r *http.Request, status int, reason error)) Option {
	return func(h *Handler) { h.refused = f }
}

// NewHandler returns a handler that looks up tickets in tickets and delivers genuine
// callbacks to sink. A Ticket is a TicketStore of one ticket.
func NewHandler(tickets TicketStore, sink Sink, options ...Option) *Handler {
	h := &Handler{
		tickets: tickets, sink: sink, maxBody: DefaultMaxBody, budgetSize: DefaultBudget,
		refused: func(*http.Request, int, error) {},
	}
	for _, option := range options {
		option(h)
	}
	h.budget = semaphore.NewWeighted(max(h.budgetSize, h.maxBody))
	return h
}

// The refusals in addition to those of Verify.
var (
	errUnknownPath = errors.New("no such path")
	errMethod      = errors.New("only POST is allowed")
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
	answer(w, http.StatusOK, received)
}

// accept delivers the callback, or returns the status to refuse it with.
func (h *Handler) accept(r *http.Request) (status int, err error) {
	ticket, known, err := h.tickets.Ticket(r.Context(), r.URL.Path)
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, fmt.Errorf("%w: %w", errStore, err)
	case !known:
		return http.StatusNotFound, errUnknownPath
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, errMethod
	}
	want := ticket.expected()
	if err := want.verifyHeader(r.Header); err != nil {
		return http.StatusUnauthorized, err
	}
	if err := verifyMediaType(r.Header); err != nil {
		return http.StatusUnsupportedMediaType, err
	}
	return h.acceptBody(r, ticket, want)
}

// acceptBody reads the body under the limits, and delivers it if it is genuine.
func (h *Handler) acceptBody(r *http.Request, ticket Ticket, want *digests) (status int, err error) {
	body, release, status, err := h.read(r)
	if err != nil {
		return status, err
	}
	defer release()
	result, err := want.verifyBody(body)
	switch {
	case errors.Is(err, ErrSecret):
		return http.StatusUnauthorized, err
	case err != nil:
		return http.StatusBadRequest, err
	}
	d := Delivery{Ticket: ticket, Result: result, Header: r.Header, Body: body, ReceivedAt: time.Now()}
	if err := h.sink.Deliver(r.Context(), d); err != nil {
		return http.StatusServiceUnavailable, fmt.Errorf("%w: %w", errStore, err)
	}
	return http.StatusOK, nil
}

// read reads the body under the limits. Its size counts against the budget until release
// is called.
func (h *Handler) read(r *http.Request) (body []byte, release func(), status int, err error) {
	if r.ContentLength > h.maxBody {
		return nil, nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	reserved := int64(0)
	free := func() { h.budget.Release(reserved) }
	defer func() {
		if err != nil {
			free()
		}
	}()
	for {
		if len(body) == cap(body) { // also at the end of a body of known length, to see that it is one
			more := min(h.nextSize(len(body), r.ContentLength), h.maxBody) - reserved
			if !h.budget.TryAcquire(more) {
				return nil, nil, http.StatusServiceUnavailable, errBusy
			}
			reserved += more
			body = append(make([]byte, 0, reserved+1), body...) // one more, to see the end
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > h.maxBody:
			return nil, nil, http.StatusRequestEntityTooLarge, errTooLarge
		case err == io.EOF:
			return body, free, 0, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil, http.StatusRequestTimeout, fmt.Errorf("%w: %w", errBody, err)
		case err != nil:
			return nil, nil, http.StatusBadRequest, fmt.Errorf("%w: %w", errBody, err)
		}
	}
}

// firstSize is what a body reserves at first, in bytes. It reserves more only as it arrives:
// else a few slow clients could reserve the whole budget.
const firstSize = 16 << 10

// nextSize returns the size to reserve for a body of which size bytes have arrived, and that
// has length bytes, -1 if that is not known.
func (h *Handler) nextSize(size int, length int64) int64 {
	next := max(firstSize, 2*int64(size))
	if length >= int64(size) {
		next = min(next, max(length, 1))
	}
	return next
}

// refuse answers with an error. The texts of a Sink's and a connection's errors stay
// private.
func refuse(w http.ResponseWriter, status int, err error) {
	header := w.Header()
	switch status {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSecret) && !errors.Is(err, errStore) {
		header.Set("Connection", "close") // the body was not read
	}
	text := err.Error()
	for _, public := range []error{errStore, errBody} {
		if errors.Is(err, public) {
			text = public.Error()
		}
	}
	doc, _ := json.Marshal(map[string]string{"error": text}) // strings only
	answer(w, status, string(doc)+"\n")
}

const received = `{"received":true}` + "\n"

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may be gone
}
