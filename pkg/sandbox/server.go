package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Server is a Cloud with a listener.
type Server struct {
	*Cloud
	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed when serving has ended
	err      error         // why, once done is closed
}

// Start listens and serves until Close. ctx bounds the start only. An address
// that is not loopback is an error: the sandbox takes any API key and calls the
// addresses that it is given, which is not for a network to use.
func Start(ctx context.Context, o Options) (*Server, error) {
	addr := o.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &AddressError{fmt.Sprintf("sandbox: %q is not an address with a port", addr)}
	}
	if !narada.IsLoopback(host) {
		return nil, notLoopback(addr)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	// Where "localhost" leads is for the machine's hosts file to say.
	if bound, ok := listener.Addr().(*net.TCPAddr); !ok || !bound.IP.IsLoopback() {
		_ = listener.Close()
		return nil, notLoopback(addr)
	}
	return serve(listener, New(o)), nil
}

// AddressError is an address that a sandbox does not listen on.
type AddressError struct{ text string }

func (e *AddressError) Error() string { return e.text }

// Hint says which address will do.
func (e *AddressError) Hint() string {
	return "the sandbox is for this machine only: use 127.0.0.1, [::1] or localhost, and a port"
}

func notLoopback(addr string) error {
	return &AddressError{fmt.Sprintf("sandbox: %q is not a loopback address", addr)}
}

func serve(listener net.Listener, cloud *Cloud) *Server {
	s := &Server{
		Cloud: cloud, listener: listener, done: make(chan struct{}),
		http: &http.Server{
			Handler:           cloud,
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       60 * time.Second,
			WriteTimeout:      60 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			// What goes wrong on a connection is the caller's to see.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(listener)
	}()
	return s
}

// URL returns the base URL, as NARADA_API_BASE_URL wants it.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + basePath }

// grace is how long calls under way have to end by themselves.
const grace = time.Second

// Close stops taking requests, drops what is pending, callbacks too, and waits
// for every goroutine, at most until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if s.http.Shutdown(short) != nil {
		_ = s.http.Close() // a connection that was opened and never used
	}
	err := s.Cloud.Close(ctx)
	<-s.done
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("sandbox: %w", s.err))
	}
	return err
}
