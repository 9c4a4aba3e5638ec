// Package tunnel opens the public address that callbacks come to: an endpoint
// of ngrok, the user's own ingress, or, for trials, plain HTTP on this machine.
//
//	ep, err := tunnel.Open(ctx, tunnel.Config{Ngrok: &tunnel.Ngrok{Authtoken: token}})
//	...
//	go server.Serve(ep.Listener())
//	// callers are told ep.URL()
//	...
//	server.Shutdown(ctx) // answers first
//	ep.Close(ctx)        // then the address
//
// Open either returns an endpoint that works, or says in one line what is in
// the way: *UsageError for what the user asked for, *Error for what happened.
//
// It refuses plain HTTP on any address but loopback, whatever stands in front:
// callbacks carry secrets.
//
// The package is private to narada.
package tunnel

import (
	"context"
	"log/slog"
	"net"
	"net/url"
)

// Config says which endpoint to open. Exactly one of Ngrok, Ingress and
// Loopback is set.
type Config struct {
	// Ngrok opens an endpoint of ngrok.
	Ngrok *Ngrok
	// Ingress listens on an address that the user has made public.
	Ingress *Ingress
	// Loopback listens with plain HTTP on a free port of 127.0.0.1, for trials.
	Loopback bool

	// PathPrefix is what every path that will be served starts with, such as
	// "/narada/". ngrok refuses whatever is not a POST under it with 404, at
	// its edge. Empty means "/".
	PathPrefix string

	// Logger receives the endpoint's history, and all that the ngrok library
	// has to say, at level Debug and without the authtoken. Nil discards it.
	Logger *slog.Logger
}

// An Endpoint is a public address that works. It lives until Close.
type Endpoint struct {
	url    *url.URL
	ln     net.Listener
	events events
	shut   func(context.Context) error
}

// Open opens the endpoint that c describes. ctx bounds the opening only: the
// endpoint lives on after ctx has ended. The error is a *UsageError or an
// *Error.
func Open(ctx context.Context, c Config) (*Endpoint, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
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
// Ingress.PublicURL has one. It never changes while the endpoint lives.
func (e *Endpoint) URL() *url.URL {
	u := *e.url
	return &u
}

// Listener returns what http.Server.Serve is given. Connections honour read and
// write deadlines. Closing it never blocks: Accept returns net.ErrClosed from
// then on, and the address stays taken until Endpoint.Close. When ngrok stops
// the endpoint, Accept returns an *Error.
func (e *Endpoint) Listener() net.Listener { return e.ln }

// Events returns what happens to the endpoint, in order. The channel is
// buffered; when nobody reads it, the oldest events are forgotten, never the
// latest. Close closes it. Only ngrok's endpoints have events.
func (e *Endpoint) Events() <-chan Event { return e.events }

// Close gives the address back and ends the connections that are left. It
// takes as long as ctx allows but no longer than three seconds. Closing again
// does nothing. The error, if any, says that the service did not confirm; the
// endpoint is closed all the same.
func (e *Endpoint) Close(ctx context.Context) error { return e.shut(ctx) }
