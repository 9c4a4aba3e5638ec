package tunnel_test

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestClosingUnderLoadNeverHangs(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	for range 50 {
		ep, err := tunnel.Open(soon(t), config(edge))
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ep.Listener()) }()

		var ok atomic.Int64
		stop, warm := make(chan struct{}), make(chan struct{}, 32)
		var callers sync.WaitGroup
		for range 32 {
			callers.Go(func() {
				first := true
				for {
					select {
					case <-stop:
						return
					default:
					}
					conn, err := edge.Dial(ep.URL().String())
					if err == nil {
						_, err = conn.Write([]byte("POST /narada/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"))
						b := make([]byte, 15)
						if _, rerr := conn.Read(b); err == nil && rerr == nil {
							ok.Add(1)
						}
						_ = conn.Close()
					}
					if first {
						first = false
						warm <- struct{}{}
					}
				}
			})
		}
		for range 32 {
			<-warm
		}
		if err := srv.Shutdown(soon(t)); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		if err := ep.Close(soon(t)); err != nil {
			t.Errorf("close: %v", err)
		}
		close(stop)
		callers.Wait()
		if ok.Load() == 0 {
			t.Error("no caller was answered")
		}
	}
}

func TestClosingTwiceOrOfflineIsNoError(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	edge.Pause()
	if ev := next(t, ep); ev.Kind != tunnel.Lost {
		t.Fatalf("event is %v", ev.Kind)
	}
	for range 2 {
		if err := ep.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if _, err := ep.Listener().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returns %v", err)
	}
	if _, more := <-ep.Events(); more {
		t.Error("there are more events")
	}
}

func TestNoGoroutineOutlivesTheEndpoint(t *testing.T) {
	opts := append(ngroktest.IgnoreLibrary(), goleak.IgnoreCurrent())
	edge, err := ngroktest.New(ngroktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ep, err := tunnel.Open(soon(t), config(edge))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := edge.Dial(ep.URL().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ep.Listener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := ep.Close(soon(t)); err != nil { // with an open connection
		t.Error(err)
	}
	if _, err := accepted.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived the endpoint")
	}
	_ = conn.Close()
	edge.Close()
	goleak.VerifyNone(t, opts...)
}
