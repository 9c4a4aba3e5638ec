// Package ui serves the page of a ledger: tasks, callbacks, batches and usage, live, for
// browsers on this machine.
//
// Pages are made on the server, and are complete without a script. The script asks for the
// page again when the ledger has changed, and puts in what is new.
//
// The package is private to narada.
package ui

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Ledger has the methods of a ledger that the page reads.
type Ledger interface {
	history.Reader
	history.Finder
	history.User

	// Revision returns a text that is different after each callback, refusal and event.
	Revision(context.Context) (string, error)
	// Tasks calls yield for the tasks that match, the newest first, until it returns an error.
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
	// Events returns the events of a task, the oldest first.
	Events(context.Context, store.Task) ([]store.Event, error)
	// Callback returns the callback with that number; ok is false if it has been pruned.
	Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error)
	// Received returns callbacks with a smaller number than below, 0 for any, the newest first.
	Received(ctx context.Context, below int64, limit int) ([]store.Received, error)
	// NewestRefusals returns refused callbacks with a smaller number than below, 0 for any, the
	// newest first.
	NewestRefusals(ctx context.Context, below int64, limit int) ([]store.Refusal, error)

	// Batch returns the batch of that name.
	Batch(ctx context.Context, name string) (b store.Batch, ok bool, err error)
	// BatchList returns the batches, the newest first.
	BatchList(context.Context) ([]store.Batch, error)
	// Tally counts the lines of a batch that were sent.
	Tally(ctx context.Context, batch int64) (store.Tally, error)
	// Lines returns lines of a batch, with their tasks and prompts.
	Lines(ctx context.Context, q store.LineQuery) ([]store.ItemTask, error)
	// FinishTimes returns when the first and the last line of a batch finished; zero: none did.
	FinishTimes(ctx context.Context, batch int64) (first, last time.Time, err error)
	// Pace returns how many lines of a batch finished in each span, the oldest first.
	Pace(ctx context.Context, batch int64, span time.Duration) ([]store.Pace, error)
}

// Options configure a page.
type Options struct {
	Ledger Ledger
	Name   string              // of the ledger, for people
	Token  string              // that a browser must show
	Mask   func(string) string // hides secrets
	Now    func() time.Time
	Zone   *time.Location // of the days

	// Commands returns the commands that send the request of a task again.
	Commands func(store.Task, json.RawMessage) []Command
	// Replay sends a callback to a URL; nil: not offered.
	Replay func(ctx context.Context, d store.Delivery, url string) (Replayed, error)

	Log *slog.Logger // for -v
}

// Command is a command to copy.
type Command struct{ Name, Text string }

// Replayed is what came back for a callback that was sent again.
type Replayed struct {
	StatusCode int // 0: no answer
	Took       time.Duration
	Answer     string // begin of the body
	Failure    string // why it was not accepted; "": it was
}

// Server serves the page.
type Server struct {
	o         Options
	reading   chan struct{}    // has room while no page is read: pages must not hold up commands
	reasons   map[int64]string // of tasks by number; used by the one that reads
	pages     *pages
	stream    *stream
	codes     *codes
	formToken string // value that forms of this server must have
}

// New returns a server of the page.
func New(o Options) (*Server, error) {
	p, err := parsePages()
	if err != nil {
		return nil, err
	}
	return &Server{o: o, reading: make(chan struct{}, 1), reasons: map[int64]string{}, pages: p, stream: newStream(o.Ledger.Revision, o.Mask), codes: &codes{good: map[string]time.Time{}}, formToken: newToken()}, nil
}

// Serve serves the page to browsers on this machine, until ctx ends; then it ends all
// connections at once. ready is called with the URL, which has the token, once it answers;
// its error ends Serve, which does not wait for it otherwise.
func (s *Server) Serve(ctx context.Context, l net.Listener, ready func(url string) error) error {
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	s.stream.life = base
	server := &http.Server{
		Handler:           s.Handler(l.Addr()),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	announced := make(chan error, 1)
	go func() { announced <- ready("http://" + l.Addr().String() + "/?token=" + s.o.Token) }()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-failed:
			return err
		case err = <-announced:
			waiting = err == nil
			announced = nil
		case <-ctx.Done():
			waiting = false
		}
	}
	cancel()
	limited, end := context.WithTimeout(context.Background(), time.Second)
	defer end()
	_ = server.Shutdown(limited) // what takes longer is cut off
	err = errors.Join(err, server.Close())
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.stream.wait()
	return err
}

// OneTimeURL returns a URL of the page for one request. It is given to other programs, whose
// arguments others may read.
func (s *Server) OneTimeURL(url string) string {
	return strings.Replace(url, s.o.Token, s.codes.add(), 1)
}

// Handler returns what answers the requests to the address.
func (s *Server) Handler(addr net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.HandlerFunc(serveStatic))
	mux.Handle("GET /stream", s.stream)
	serve := func(pattern string, make func(*http.Request) (page, error)) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, make) })
	}
	serve("/{$}", s.tasksPage)
	serve("/tasks", s.tasksPage)
	serve("/tasks/{name}", s.taskPage)
	serve("/callbacks", s.callbacksPage)
	serve("/batches", s.batchesPage)
	serve("/batches/{name}", s.batchPage)
	serve("/usage", s.usagePage)
	mux.HandleFunc("GET /callbacks/{seq}/raw", s.serveRaw)
	mux.HandleFunc("POST /callbacks/{seq}/replay", s.replay)
	return newGuard(addr, s.o.Token, s.codes, mux)
}

// statuses are those that tasks can have.
var statuses = [...]narada.Status{narada.StatusPending, narada.StatusSuccess, narada.StatusError, narada.StatusInputRequired, store.StatusUnknown, store.StatusRefused}
