package tunnel_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestACallerThatSendsTooSlowlyIsCutOff(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	failed := make(chan error, 1)
	run(t, &http.Server{
		ReadTimeout: 50 * time.Millisecond,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			failed <- err
		}),
	}, ep)
	conn, err := edge.Dial(ep.URL().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /narada/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// Occasional bytes do not extend the limit, which is for the whole request.
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-failed:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reading the body failed with %v", err)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestACallerThatStopsReadingIsCutOff(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	failed := make(chan error, 1)
	srv := run(t, &http.Server{
		WriteTimeout: 50 * time.Millisecond,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := make([]byte, 1<<20)
			for {
				if _, err := w.Write(b); err != nil {
					failed <- err
					return
				}
			}
		}),
	}, ep)
	conn, err := edge.Dial(ep.URL().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /narada/ HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing failed with %v", err)
	}
	// It does not delay closing either.
	if err := srv.Shutdown(soon(t)); err != nil {
		t.Error(err)
	}
	if err := ep.Close(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestClosingTheServerEndsABlockedWrite(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	started, failed := make(chan struct{}), make(chan error, 1)
	srv := run(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		_, err := w.Write(make([]byte, 1<<20))
		failed <- err
	})}, ep)
	conn, err := edge.Dial(ep.URL().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /narada/ HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing failed with %v", err)
	}
}
