package cmd

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// wire is a transport that says, for -v, which calls are made and how they end.
// Headers and bodies, where the secrets are, it leaves alone.
type wire struct {
	next http.RoundTripper
	talk *reporter
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	// A presigned URL has its signature in the query.
	bare := *r.URL
	bare.RawQuery = ""
	w.talk.Detail("request", fmt.Sprintf("> %s %s", r.Method, bare.Redacted()))
	resp, err := w.next.RoundTrip(r)
	elapsed := time.Since(start).Round(time.Millisecond)
	if err != nil {
		w.talk.Detail("response", fmt.Sprintf("< %s %s: %v (%s)", r.Method, r.URL.Path, err, elapsed))
		return nil, err
	}
	w.talk.Detail("response", fmt.Sprintf("< %s %s: %s (%s)", r.Method, r.URL.Path, resp.Status, elapsed),
		slog.Any("status", resp.StatusCode))
	return resp, nil
}
