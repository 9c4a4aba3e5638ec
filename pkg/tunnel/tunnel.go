// Package tunnel opens the public address for callbacks: an ngrok endpoint, the
// user's own ingress, or, for trials, plain HTTP on this machine.
//
//	ep, err := tunnel.Open(ctx, tunnel.Config{Ngrok: &tunnel.Ngrok{Authtoken: token}})
//	...
//	go server.Serve(ep.Listener())
//	// publish ep.URL()
//	...
//	server.Shutdown(ctx) // first: sends the answers
//	ep.Close(ctx)        // then: closes the address
//
// Open returns an endpoint that works or a one-line error: *UsageError for a bad
// configuration, *Error for a failure.
//
// It refuses plain HTTP on any address but loopback, since callbacks carry secrets.
//
// The package is private to narada.
package tunnel

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"sync"
)

// Config says which endpoint to open. Exactly one of Ngrok, Ingress and
// Loopback is set.
type Config struct {
	// Ngrok opens an endpoint of ngrok.
	Ngrok *Ngrok
	// Ingress listens on the user's own public address.
	Ingress *Ingress
	// Loopback listens with plain HTTP on a free port of 127.0.0.1, for trials.
	Loopback bool

	// PathPrefix is the prefix of every path that is served, such as "/narada/".
	// ngrok's edge answers 404 to all but POST requests under it. Empty means "/".
	PathPrefix string

	// Logger receives the endpoint's log and the ngrok library's, at level Debug
	// and without the authtoken. Nil discards it.
	Logger *slog.Logger
}

// An Endpoint is a public address that works. It lives until Close.
type Endpoint struct {
	url    *url.URL
	ln     net.Listener
	events events
	shut   func(context.Context) error // called once

	closing sync.Once
	err     error // of shut
}

// Open opens the endpoint that c describes. ctx bounds the opening, not the life of
// the endpoint. The error is a *UsageError or an
// *Error.
func Open(ctx context.Context, c Config) (*Endpoint, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch {
	case c.Ngrok != nil:
		return openNgrok(ctx, c)
	case c.Ingress != nil:
		return openIngress(ctx, *c.Ingress)
	}
	return openLoopback(ctx)
}

// URL returns the public base address: https, or http for Loopback and for an
// ingress on this machine. Its path has no slash at the end; it is empty unless
// Ingress.PublicURL has one. It does not change until Close.
func (e *Endpoint) URL() *url.URL {
	u := *e.url
	return &u
}

// Listener returns the listener for http.Server.Serve. Connections honour read and
// write deadlines. Closing it never blocks: Accept then returns net.ErrClosed, and
// the address remains in use until Endpoint.Close. When ngrok stops the endpoint,
// Accept returns an *Error.
func (e *Endpoint) Listener() net.Listener { return e.ln }

// Events returns the endpoint's events, in order. The channel is buffered; when it
// is full, the oldest event is dropped. Close closes it. Only ngrok endpoints have
// events.
func (e *Endpoint) Events() <-chan Event { return e.events }

// Close releases the address and ends the remaining connections. It takes no longer
// than ctx allows, and at most three seconds. Closing again does nothing. An error
// means that the service did not confirm; the endpoint is closed nevertheless.
func (e *Endpoint) Close(ctx context.Context) error {
	e.closing.Do(func() { e.err = e.shut(ctx) })
	return e.err
}
