package receive

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// refusals is a RefusalStore that records what is refused, and the Sink of the test.
type refusals struct{ fitting, other []string }

func (s *refusals) Refuse(_ string, r store.Refusal) {
	if r.HeaderFits {
		s.fitting = append(s.fitting, r.Reason)
	} else {
		s.other = append(s.other, r.Reason)
	}
}

func (s *refusals) Deliver(context.Context, webhook.Delivery) error { return errors.New("disk full") }

// Anybody can send a request without the right headers.
func TestOnlyRequestsWithTheRightHeadersAreNotable(t *testing.T) {
	ticket := webhook.Ticket{Path: "/narada/x", Header: http.Header{"Authorization": {"Bearer t"}}, Secret: "s"}
	const genuine = `{"requestId":"req_1","secret":"s","status":"success"}`
	synctest.Test(t, func(t *testing.T) {
		kept := &refusals{}
		notable := map[string]int{}
		handler := webhook.NewHandler(ticket, kept, webhook.WithMaxBody(100), webhook.WithRefused(NoteRefused(kept, func(e Event) {
			if refused := e.(Refused); refused.Times > 0 {
				notable[refused.Reason.Error()] += refused.Times
			}
		})))
		send := func(method, path, body string, header http.Header) {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header = header
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		right := func(contentType string) http.Header {
			return http.Header{"Authorization": {"Bearer t"}, "Content-Type": {contentType}}
		}
		compressed := right("application/json")
		compressed.Set("Content-Encoding", "gzip")
		all := func() {
			send(http.MethodPost, "/narada/y", genuine, right("application/json"))
			send(http.MethodGet, "/narada/x", genuine, right("application/json"))
			send(http.MethodPost, "/narada/x", genuine, http.Header{"Content-Type": {"application/json"}})
			send(http.MethodPost, "/narada/x", genuine, right("application/json")) // 503, which the sink reports
			send(http.MethodPost, "/narada/x", "a=b", right("application/x-www-form-urlencoded"))
			send(http.MethodPost, "/narada/x", "\x1f\x8b", compressed)
			send(http.MethodPost, "/narada/x", strings.Repeat(" ", 200), right("application/json"))
			send(http.MethodPost, "/narada/x", `{"requestId":"req_1"`, right("application/json"))
			send(http.MethodPost, "/narada/x", `{"requestId":7,"secret":"s"}`, right("application/json"))
			send(http.MethodPost, "/narada/x", strings.Replace(genuine, `"s"`, `"guess"`, 1), right("application/json"))
		}
		all()
		mediaType, encoding := webhook.ErrMediaType.Error(), webhook.ErrEncoding.Error()
		malformed := "malformed callback: not valid JSON: unexpected end of JSON input"
		want := map[string]int{mediaType: 1, encoding: 1, "the body is too large": 1, malformed: 1, "wrong secret": 1}
		if diff := cmp.Diff(want, notable); diff != "" {
			t.Errorf("at first: %s", diff)
		}
		all()
		if diff := cmp.Diff(want, notable); diff != "" {
			t.Errorf("within a minute: %s", diff)
		}
		time.Sleep(repeatPause)
		all()
		want = map[string]int{mediaType: 3, encoding: 3, "the body is too large": 3, malformed: 5, "wrong secret": 3}
		if diff := cmp.Diff(want, notable); diff != "" {
			t.Errorf("after a minute: %s", diff)
		}
		if len(kept.fitting) != 3*6 || len(kept.other) != 3*3 {
			t.Errorf("kept %q and %q", kept.fitting, kept.other)
		}
	})
}
