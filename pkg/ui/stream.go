package ui

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	streamInterval = 100 * time.Millisecond // between two looks at the ledger
	streamRefresh  = 5 * time.Second        // at the latest, browsers are notified again
	streamLimit    = 5 * time.Second        // of one look
)

// stream notifies browsers that the ledger has changed, as server-sent events: the data of
// each, and its ID, is the revision. An event "failure" says why the ledger cannot be read;
// the next revision, that it can be again. Its number of streams is bounded; one goroutine
// looks at the ledger while there is a stream.
type stream struct {
	revision func(context.Context) (string, error)
	mask     func(string) string
	life     context.Context // of the watcher

	mu      sync.Mutex
	streams map[chan notice]bool
	last    notice // its zero value: nothing is known
	watched bool
	watcher sync.WaitGroup
}

// notice is what a stream is notified of.
type notice struct {
	revision string // the last one that could be read
	failure  string // why the ledger cannot be read; "": it can
}

func newStream(revision func(context.Context) (string, error), mask func(string) string) *stream {
	return &stream{revision: revision, mask: mask, life: context.Background(), streams: map[chan notice]bool{}}
}

const maxStreams = 100

// ServeHTTP implements http.Handler.
func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	notices, ok := s.join(r.Context())
	if !ok {
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	defer s.leave(notices)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	seen := r.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = r.URL.Query().Get("seen")
	}
	for first := true; ; first = false {
		select {
		case <-r.Context().Done():
			return
		case n := <-notices:
			if first && n.failure == "" && n.revision == seen {
				continue
			}
			_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(w, n.event()); err != nil || control.Flush() != nil {
				return
			}
		}
	}
}

// event returns the notice as a server-sent event.
func (n notice) event() string {
	if n.failure != "" {
		return "event: failure\ndata: " + line(n.failure, maxFailure) + "\n\n"
	}
	return "id: " + n.revision + "\ndata: " + n.revision + "\n\n"
}

const maxFailure = 300 // characters of a failure

// join adds a stream. The first one starts the watcher.
func (s *stream) join(ctx context.Context) (notices chan notice, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) >= maxStreams || ctx.Err() != nil {
		return nil, false
	}
	notices = make(chan notice, 1)
	s.streams[notices] = true
	if s.last != (notice{}) {
		notices <- s.last
	}
	if !s.watched {
		s.watched = true
		s.watcher.Go(func() { s.watch(s.life) })
	}
	return notices, true
}

func (s *stream) leave(notices chan notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, notices)
}

// wait waits for the watcher, after the last stream has ended.
func (s *stream) wait() { s.watcher.Wait() }

// watch looks at the ledger until there is no stream.
func (s *stream) watch(ctx context.Context) {
	tick := time.NewTicker(streamInterval)
	defer tick.Stop()
	for since := time.Now(); ; <-tick.C {
		limited, cancel := context.WithTimeout(ctx, streamLimit)
		revision, err := s.revision(limited)
		cancel()
		if ctx.Err() != nil {
			return
		}
		again := time.Since(since) > streamRefresh
		if again {
			since = time.Now()
		}
		if !s.notify(revision, err, again) {
			return
		}
	}
}

// notify notifies the streams of a revision or failure that is new, or of any if again is
// set. It returns false if there is no stream.
func (s *stream) notify(revision string, failure error, again bool) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		s.last, s.watched = notice{}, false
		return false
	}
	n := notice{revision: revision}
	if failure != nil {
		n = notice{s.last.revision, s.mask(failure.Error())}
	}
	if n == s.last && !again {
		return true
	}
	s.last = n
	for notices := range s.streams {
		select {
		case <-notices: // it has not been sent the one before
		default:
		}
		notices <- n
	}
	return true
}
