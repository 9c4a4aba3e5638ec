package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Start listens and serves until Close. ctx limits only the start. Other addresses than
// loopback are an error: the sandbox accepts any API key and sends requests to the
// callback URLs that it gets.
func Start(ctx context.Context, o Options) (*Server, error) {
	addr := cmp.Or(o.Addr, "127.0.0.1:0")
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
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
	// The hosts file may map localhost to any address.
	if bound, ok := listener.Addr().(*net.TCPAddr); !ok || !bound.IP.IsLoopback() {
		_ = listener.Close()
		return nil, notLoopback(addr)
	}
	c := newServer(o)
	c.serve(listener)
	return c, nil
}

// AddressError is an address that a sandbox cannot listen on.
type AddressError struct{ text string }

func (e *AddressError) Error() string { return e.text }

// Hint names valid addresses.
func (e *AddressError) Hint() string {
	return "use 127.0.0.1, [::1] or localhost, and a port: the sandbox is for this machine only"
}

func notLoopback(addr string) error {
	return &AddressError{fmt.Sprintf("sandbox: %q is not a loopback address", addr)}
}

func (c *Server) serve(listener net.Listener) {
	c.listener = listener
	c.http = &http.Server{
		Handler:           c,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// The client sees connection errors.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(c.served)
		c.err = c.http.Serve(listener)
	}()
}

// URL returns the base URL for NARADA_API_BASE_URL.
func (c *Server) URL() string { return "http://" + c.listener.Addr().String() + basePath }

// grace is the grace period of running calls.
const grace = time.Second

// Close stops accepting requests, drops pending tasks and callbacks, and waits for all
// goroutines until ctx ends.
func (c *Server) Close(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if c.http.Shutdown(short) != nil {
		_ = c.http.Close() // a connection that was never used
	}
	err := c.stop(ctx)
	<-c.served
	if !errors.Is(c.err, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("sandbox: %w", c.err))
	}
	return err
}
