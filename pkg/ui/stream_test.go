package ui

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// client reads the data of a stream.
type client struct {
	cancel context.CancelFunc
	got    chan string
}

func join(t *testing.T, h http.Handler, seen string) *client {
	t.Helper()
	return rejoin(t, h, seen, "")
}

// rejoin joins as a browser does that has lost its stream.
func rejoin(t *testing.T, h http.Handler, seen, lastEventID string) *client {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &client{cancel, make(chan string, 1000)}
	r, err := http.NewRequestWithContext(ctx, "GET", "/stream?seen="+seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	server, end := net.Pipe()
	go func() {
		defer close(c.got)
		lines, event := bufio.NewScanner(end), ""
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = name + ": "
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				c.got <- event + data
				event = ""
			}
		}
	}()
	go func() {
		h.ServeHTTP(&pipeWriter{server}, r)
		_ = server.Close()
	}()
	return c
}

// pipeWriter is a http.ResponseWriter.
type pipeWriter struct{ net.Conn }

func (*pipeWriter) Header() http.Header { return http.Header{} }
func (*pipeWriter) WriteHeader(int)     {}
func (*pipeWriter) FlushError() error   { return nil }

func (c *client) all() (list []string) {
	for data := range c.got {
		list = append(list, data)
	}
	return list
}

func TestEveryStreamIsNotifiedOfAChangeWithinMoments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revision atomic.Value
		revision.Store("1")
		s := newStream(func(context.Context) (string, error) { return revision.Load().(string), nil }, noMask)
		first, second := join(t, s, "1"), join(t, s, "0")
		time.Sleep(time.Second)
		revision.Store("2")
		time.Sleep(2 * streamInterval)
		revision.Store("3")
		time.Sleep(2 * streamInterval)
		first.cancel()
		second.cancel()
		if got := strings.Join(first.all(), " "); got != "2 3" {
			t.Errorf("the one that had seen it got %s", got)
		}
		if got := strings.Join(second.all(), " "); got != "1 2 3" {
			t.Errorf("the other one got %s", got)
		}
		s.wait()
	})
}

// Two hours: the browser is told now and then, and nothing grows.
func TestALongStreamStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := newStream(func(context.Context) (string, error) { looks++; return "1", nil }, noMask)
		c := join(t, s, "1")
		received := 0
		go func() {
			for range c.got {
				received++
			}
		}()
		time.Sleep(2 * time.Hour)
		s.mu.Lock()
		streams := len(s.streams)
		s.mu.Unlock()
		c.cancel()
		s.wait()
		synctest.Wait()
		if streams != 1 || received < 1000 || received > 2*3600 || looks > 10*2*3600+10 {
			t.Errorf("%d streams, notified %d times, %d looks", streams, received, looks)
		}
		before := looks
		time.Sleep(time.Hour)
		if looks != before {
			t.Errorf("%d looks without a stream", looks-before)
		}
	})
	goleak.VerifyNone(t)
}

func TestTheNumberOfStreamsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(func(context.Context) (string, error) { return "1", nil }, noMask)
		var clients []*client
		for range maxStreams {
			clients = append(clients, join(t, s, "1"))
		}
		synctest.Wait()
		if _, ok := s.join(t.Context()); ok {
			t.Error("one more")
		}
		for _, c := range clients {
			c.cancel()
		}
		s.wait()
	})
}

// A browser that has lost its stream says which revision it was notified of last.
func TestAStreamIsResumedAfterTheLastEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(func(context.Context) (string, error) { return "2", nil }, noMask)
		upToDate, behind, first := rejoin(t, s, "0", "2"), rejoin(t, s, "2", "1"), join(t, s, "2")
		time.Sleep(time.Second)
		for name, c := range map[string]*client{"": upToDate, "2": behind, " ": first} {
			c.cancel()
			if got := strings.Join(c.all(), " "); got != strings.TrimSpace(name) {
				t.Errorf("got %q, want %q", got, strings.TrimSpace(name))
			}
		}
		s.wait()
	})
}

func TestAStreamSaysThatTheLedgerCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure atomic.Pointer[error]
		s := newStream(func(ctx context.Context) (string, error) {
			if err := failure.Load(); err != nil {
				if errors.Is(*err, context.DeadlineExceeded) { // it hangs
					<-ctx.Done()
				}
				return "", *err
			}
			return "1", nil
		}, func(text string) string { return strings.ReplaceAll(text, "s3cret", "***") })
		c := join(t, s, "1")
		time.Sleep(time.Second)
		failure.Store(new(errors.New("s3cret is\nbroken")))
		time.Sleep(time.Second)
		late := join(t, s, "1")
		time.Sleep(time.Second)
		failure.Store(nil)
		time.Sleep(time.Second)
		failure.Store(new(context.DeadlineExceeded))
		time.Sleep(streamLimit + time.Second)
		c.cancel()
		late.cancel()
		for _, c := range []*client{c, late} {
			if got := strings.Join(c.all(), "|"); got != "failure: *** is broken|1|failure: context deadline exceeded" {
				t.Errorf("got %q", got)
			}
		}
		s.wait()
	})
}

func noMask(text string) string { return text }
