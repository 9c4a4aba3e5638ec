package tunnel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestARefusalEndsTheOpeningWithAOneLineError(t *testing.T) {
	for _, tc := range []struct {
		name, code, message string
		bind                bool
		want                string
	}{
		{"malformed authtoken", "ERR_NGROK_105", "", false, "ngrok refused the authtoken: it is malformed (ERR_NGROK_105)"},
		{"revoked authtoken", "ERR_NGROK_107", "", false, "ngrok refused the authtoken: it is revoked or was reset (ERR_NGROK_107)"},
		{"too many agents", "ERR_NGROK_108", "", false, "ngrok refused the connection: the plan's limit of agent sessions is reached (ERR_NGROK_108)"},
		{"no authtoken", "ERR_NGROK_4018", "", false, "ngrok refused the connection: it needs a verified account and an authtoken (ERR_NGROK_4018)"},
		{"another refusal of the agent", "ERR_NGROK_120", "Your agent is too old,\ntoken {authtoken}.", false, "ngrok refused: Your agent is too old, token ***. (ERR_NGROK_120)"},
		{"URL online", "ERR_NGROK_334", "", true, "ngrok refused the endpoint: its URL is already online (ERR_NGROK_334)"},
		{"plan limit", "ERR_NGROK_725", "", true, "ngrok refused the endpoint: a limit of the account's plan is reached (ERR_NGROK_725)"},
		{"another refusal of the endpoint", "ERR_NGROK_9999", "No\n such " + token, true, "ngrok refused: No such *** (ERR_NGROK_9999)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			edge := newEdge(t, ngroktest.Options{})
			if tc.bind {
				edge.RefuseBind(tc.code, tc.message)
			} else {
				edge.RefuseAuth(tc.code, tc.message)
			}
			_, err := tunnel.Open(soon(t), config(edge))
			e := asError(t, err)
			if diff := cmp.Diff(tc.want, e.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.Code() != tc.code || e.Hint() == "" {
				t.Errorf("code %q, hint %q", e.Code(), e.Hint())
			}
		})
	}
}

func TestTheEdgeRefusesAWrongTokenTooManyAgentsAndAURLInUse(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{Authtoken: "another", MaxSessions: 1})
	_, err := tunnel.Open(soon(t), config(edge))
	if e := asError(t, err); e.Code() != "ERR_NGROK_107" {
		t.Errorf("wrong token: %v", err)
	}
	edge = newEdge(t, ngroktest.Options{MaxSessions: 1})
	open(t, config(edge))
	_, err = tunnel.Open(soon(t), config(edge))
	if e := asError(t, err); e.Code() != "ERR_NGROK_108" {
		t.Errorf("one agent too many: %v", err)
	}
	edge = newEdge(t, ngroktest.Options{})
	named := config(edge)
	named.Ngrok.Domain = "narada.ngrok.app"
	first := open(t, named)
	_, err = tunnel.Open(soon(t), named)
	if e := asError(t, err); e.Code() != "ERR_NGROK_334" {
		t.Errorf("taken URL: %v", err)
	}
	if err := first.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	open(t, named) // free again
}

func TestOpeningOnASilentNetworkEndsWithItsContext(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	edge.Silence()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := tunnel.Open(ctx, config(edge))
	e := asError(t, err)
	if want := "ngrok did not answer in time (" + edge.ConnectURL() + ")"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is not context.DeadlineExceeded: %v", err)
	}
}

func TestOpeningReportsTheLastErrorWhenItsContextEnds(t *testing.T) {
	c := config(newEdge(t, ngroktest.Options{}))
	c.Ngrok.ConnectURL = address(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := tunnel.Open(ctx, c)
	e := asError(t, err)
	start := "ngrok did not answer in time: last error: cannot reach ngrok (" + c.Ngrok.ConnectURL + "): dial tcp"
	if !strings.HasPrefix(e.Error(), start) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q", e.Error())
	}
}

func TestACancelledOpeningIsReportedAsCancelled(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	edge.Silence()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tunnel.Open(ctx, config(edge))
	if e := asError(t, err); !strings.HasPrefix(e.Error(), "opening the ngrok endpoint was cancelled") || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q", e.Error())
	}
}

func TestOpeningFailsWhenTheServiceStaysUnreachable(t *testing.T) {
	c := config(newEdge(t, ngroktest.Options{}))
	c.Ngrok.ConnectURL = address(t)
	_, err := tunnel.Open(soon(t), c)
	e := asError(t, err)
	if want := "cannot reach ngrok (" + c.Ngrok.ConnectURL + "): dial tcp"; !strings.HasPrefix(e.Error(), want) {
		t.Errorf("got %q, want %q...", e.Error(), want)
	}
}

func TestAnUntrustedCertificateIsNotRetried(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	c := config(edge)
	c.Ngrok.ConnectCAs = newEdge(t, ngroktest.Options{}).CAs()
	_, err := tunnel.Open(soon(t), c)
	e := asError(t, err)
	if want := "cannot trust ngrok's certificate (" + edge.ConnectURL() + "): "; !strings.HasPrefix(e.Error(), want) {
		t.Errorf("got %q", e.Error())
	}
}
