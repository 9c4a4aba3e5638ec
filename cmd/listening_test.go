//go:build unix

package cmd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/ledger"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// What a listener cannot store it does not acknowledge, says so, and does not
// count.
func TestListenDoesNotTakeWhatItCannotStore(t *testing.T) {
	app, _, stderr := testApp(t)
	s := &session{app: app, redactor: secret.NewRedactor(app.Stderr)}
	s.talk = s.newTalk()
	kept, err := ledger.Open(t.Context(), t.TempDir(), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil { // as good as a disk that is full
		t.Fatal(err)
	}
	ticket := webhook.Ticket{Path: "/narada/a", Secret: "s"}
	header := http.Header{"Content-Type": {"application/json"}}
	body := []byte(`{"requestId":"req_1","status":"success","secret":"s"}`)
	result, err := webhook.Verify(ticket, header, body)
	if err != nil {
		t.Fatal(err)
	}
	l := &listening{s: s, count: 1, ledger: kept}
	for range 2 {
		if err := l.Deliver(t.Context(), webhook.Delivery{Ticket: ticket, Result: result, Header: header, Body: body}); err == nil || err == errCounted {
			t.Errorf("got %v", err)
		}
	}
	if text := stderr.String(); strings.Count(text, "warning: a callback was not acknowledged: the ledger ") != 2 {
		t.Errorf("stderr %s", text)
	}
}
