package tunnel_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestDiagnoseReportsTheConnectionToTheService(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{Authtoken: "another"}) // the token is not checked
	d, err := config(edge).Ngrok.Diagnose(soon(t), nil)
	if err != nil || d.Addr != edge.ConnectURL() || d.Region != "local" || d.Latency <= 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if edge.Online() != 0 || edge.Binds() != 0 {
		t.Error("an endpoint was opened")
	}
}

func TestDiagnoseReportsWhyTheServiceIsUnreachable(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*ngroktest.Edge)
		other bool // authorities than the service's
		limit time.Duration
		want  string
	}{
		"unreachable":      {func(e *ngroktest.Edge) { e.Close() }, false, time.Minute, "cannot reach ngrok ("},
		"a silent network": {func(e *ngroktest.Edge) { e.Silence() }, false, 50 * time.Millisecond, "ngrok did not answer in time ("},
		"untrusted":        {func(*ngroktest.Edge) {}, true, time.Minute, "cannot trust ngrok's certificate ("},
	} {
		t.Run(name, func(t *testing.T) {
			edge := newEdge(t, ngroktest.Options{})
			n := *config(edge).Ngrok
			if test.other {
				n.ConnectCAs = x509.NewCertPool()
			}
			test.spoil(edge)
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			_, err := n.Diagnose(ctx, nil)
			e := asError(t, err)
			if !strings.HasPrefix(e.Error(), test.want) || strings.Contains(e.Error(), "diagnose") || e.Hint() == "" {
				t.Errorf("%v, hint %q", err, e.Hint())
			}
		})
	}
}
