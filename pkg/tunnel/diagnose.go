package tunnel

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.ngrok.com/ngrok/v2"
)

// Diagnosis is what was found on the way to ngrok's service.
type Diagnosis struct {
	Addr    string        // where it was looked for
	Region  string        // of the service that answered
	Latency time.Duration // of one question to it
}

// Diagnose tries the way to ngrok's service: a connection, TLS, and a question that it
// answers without the authtoken. ctx bounds it. The error is an *Error.
func (n Ngrok) Diagnose(ctx context.Context, log *slog.Logger) (Diagnosis, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &session{addr: cmp.Or(n.ConnectURL, connectAddr), mask: masking(n), log: log, dialer: &dialer{proxy: n.Proxy}, events: newEvents()}
	d := Diagnosis{Addr: s.addr}
	agent, err := ngrok.NewAgent(s.agentOptions(n)...)
	if err != nil {
		return d, failure(err, s.addr, s.mask)
	}
	diagnoser, ok := agent.(ngrok.Diagnoser)
	if !ok {
		return d, &Error{message: "this version of ngrok's library cannot tell"}
	}
	result, err := diagnoser.Diagnose(ctx, "")
	switch {
	case err != nil && ctx.Err() != nil:
		return d, late(ctx, nil, s.addr, s.mask)
	case err != nil:
		if step := errors.Unwrap(err); step != nil { // which says "diagnose tcp" around it
			err = step
		}
		return d, failure(err, s.addr, s.mask)
	}
	d.Region, d.Latency = result.Region, result.Latency
	return d, nil
}
