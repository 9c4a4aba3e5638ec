package cmd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

// unstorable is a callback, and a ledger that cannot take it.
func unstorable(t *testing.T) (*sqlite.Store, webhook.Delivery) {
	t.Helper()
	kept, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil { // as good as a disk that is full
		t.Fatal(err)
	}
	ticket := webhook.Ticket{Path: "/narada/a", Secret: "s"}
	header := http.Header{"Content-Type": {"application/json"}}
	body := []byte(`{"requestId":"req_1","status":"success","completedAt":"2026-01-02T03:04:05Z","secret":"s"}`)
	result, err := webhook.Verify(ticket, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return kept, webhook.Delivery{Ticket: ticket, Result: result, Header: header, Body: body}
}

// A run takes its own as its answer after a warning, and does not acknowledge it
// either; what is for another process it leaves alone.
func TestRunDoesNotAcknowledgeWhatItCannotStore(t *testing.T) {
	for name, ours := range map[string]bool{"its own": true, "of another process": false} {
		t.Run(name, func(t *testing.T) {
			app, _, stderr := testApp(t)
			inv := newInvocation(app)
			kept, d := unstorable(t)
			r := &running{inv: inv, ledger: kept, desk: await.NewDesk(), issued: map[string]bool{}}
			claim := r.desk.Expect(webhook.Ticket{Path: "/narada/mine"})
			if ours {
				claim = r.desk.Expect(d.Ticket)
				r.issued[d.Ticket.Path] = true
			}
			if err := r.take(t.Context(), d); err == nil {
				t.Error("it was acknowledged")
			}
			if claim.Done() != ours {
				t.Errorf("the answer is there: %v", claim.Done())
			}
			if warned := strings.Contains(stderr.String(), ": the answer is not kept\n"); warned != ours {
				t.Errorf("stderr %s", stderr)
			}
		})
	}
}
