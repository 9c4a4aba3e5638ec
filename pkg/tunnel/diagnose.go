package tunnel

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.ngrok.com/ngrok/v2"
)

// Diagnosis is the state of the connection to ngrok's service.
type Diagnosis struct {
	Addr    string // "host:port"
	Region  string // of the service that answered
	Latency time.Duration
}

// Diagnose connects to ngrok's service, does the TLS handshake and makes a request that
// needs no authtoken. ctx bounds it. The error is an *Error.
func (n Ngrok) Diagnose(ctx context.Context, log *slog.Logger) (Diagnosis, error) {
	s := newSession(n, log)
	d := Diagnosis{Addr: s.addr}
	agent, err := ngrok.NewAgent(s.agentOptions(n)...)
	if err != nil {
		return d, s.failure(err)
	}
	diagnoser, ok := agent.(ngrok.Diagnoser)
	if !ok {
		return d, &Error{message: "this version of ngrok's library cannot diagnose connections"}
	}
	result, err := diagnoser.Diagnose(ctx, "")
	switch {
	case err != nil && ctx.Err() != nil:
		return d, s.timedOut(ctx)
	case err != nil:
		if step := errors.Unwrap(err); step != nil { // without the prefix "diagnose tcp"
			err = step
		}
		return d, s.failure(err)
	}
	d.Region, d.Latency = result.Region, result.Latency
	return d, nil
}
