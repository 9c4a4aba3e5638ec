package ui

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	streamInterval = 100 * time.Millisecond // between two looks at the ledger
	streamRefresh  = 5 * time.Second        // at the latest, browsers are told to look again
)

// stream tells browsers that the ledger has changed, as server-sent events: the data of
// each is the revision. Its number of streams is bounded; one goroutine looks at the ledger
// while there is a stream.
type stream struct {
	revision func(context.Context) (string, error)
	life     context.Context // of the watcher

	mu      sync.Mutex
	streams map[chan string]bool
	last    string // "": not known
	watched bool
	watcher sync.WaitGroup
}

func newStream(revision func(context.Context) (string, error)) *stream {
	return &stream{revision: revision, life: context.Background(), streams: map[chan string]bool{}}
}

const maxStreams = 100

// ServeHTTP implements http.Handler.
func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told, ok := s.join(r.Context())
	if !ok {
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	defer s.leave(told)
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
		case revision := <-told:
			if first && revision == seen {
				continue
			}
			_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second))
			_, err := fmt.Fprintf(w, "id: %s\ndata: %[1]s\n\n", revision)
			if err != nil || control.Flush() != nil {
				return
			}
		}
	}
}

// join adds a stream. The first one starts the watcher.
func (s *stream) join(ctx context.Context) (told chan string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) >= maxStreams || ctx.Err() != nil {
		return nil, false
	}
	told = make(chan string, 1)
	s.streams[told] = true
	if s.last != "" {
		told <- s.last
	}
	if !s.watched {
		s.watched = true
		s.watcher.Go(func() { s.watch(s.life) })
	}
	return told, true
}

func (s *stream) leave(told chan string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, told)
}

// wait waits for the watcher, after the last stream has ended.
func (s *stream) wait() { s.watcher.Wait() }

// watch looks at the ledger until there is no stream.
func (s *stream) watch(ctx context.Context) {
	tick := time.NewTicker(streamInterval)
	defer tick.Stop()
	for since := time.Now(); ; <-tick.C {
		revision, err := s.revision(ctx)
		if ctx.Err() != nil {
			return
		}
		again := time.Since(since) > streamRefresh
		if again {
			since = time.Now()
		}
		if !s.tell(revision, err == nil, again) {
			return
		}
	}
}

// tell tells the streams of a revision that is new, or of any if again is set. It returns
// false if there is no stream.
func (s *stream) tell(revision string, known, again bool) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		s.last, s.watched = "", false
		return false
	}
	if known && (revision != s.last || again) {
		s.last = revision
		for told := range s.streams {
			select {
			case <-told: // it has not been told of the one before
			default:
			}
			told <- revision
		}
	}
	return true
}
