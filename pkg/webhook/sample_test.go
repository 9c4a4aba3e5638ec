package webhook

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The bodies in the documentation, except ID, secret and times.
var documented = map[string]string{
	"success": `{"requestId":"ID","secret":"s","status":"success","browserWindowId":"window_xyz789","response":{"text":"Found 1,234 software engineering job listings in the search results."},` +
		`"createdAt":"2026-01-01T11:59:15.000000+00:00","completedAt":"2026-01-01T12:00:00.000000+00:00","usage":{"actions":12,"credits":5}}`,
	"error": `{"requestId":"ID","secret":"s","status":"error","browserWindowId":"window_xyz789","response":{"text":"Failed to complete the task due to network timeout."},` +
		`"createdAt":"2026-01-01T11:57:30.000000+00:00","completedAt":"2026-01-01T12:00:00.000000+00:00","usage":{"actions":8,"credits":3}}`,
	"input-required": `{"requestId":"ID","secret":"s","status":"input-required","browserWindowId":"window_xyz789","response":{"text":"The task requires authentication. Please log in to continue."},` +
		`"createdAt":"2026-01-01T11:59:45.000000+00:00","completedAt":"2026-01-01T12:00:00.000000+00:00","usage":{"actions":3,"credits":1}}`,
	"structured": `{"requestId":"ID","secret":"s","status":"success","browserWindowId":"window_xyz789","response":{"text":"Successfully extracted job information.",` +
		`"structuredOutput":{"title":"Senior Software Engineer","company":"TechCorp Inc.","location":"San Francisco, CA","salary":"$150,000 - $200,000","remote":true}},` +
		`"createdAt":"2026-01-01T11:59:08.000000+00:00","completedAt":"2026-01-01T12:00:00.000000+00:00","usage":{"actions":15,"credits":6}}`,
}

func TestSamplesMatchTheDocumentation(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ids := map[string]bool{}
	for _, event := range SampleEvents() {
		c, err := Sample(event, rand.Reader, now)
		if err != nil {
			t.Fatal(err)
		}
		secret := "s"
		c.Secret = &secret
		body, err := c.Body()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(documented[event], strings.Replace(string(body), c.RequestID, "ID", 1)); diff != "" {
			t.Errorf("%s: %s", event, diff)
		}
		r, err := Verify(Ticket{Secret: "s"}, http.Header{"Content-Type": {"application/json"}}, body)
		if err != nil || !r.Final() {
			t.Errorf("%s: %v", event, err)
		}
		ids[c.RequestID] = true
	}
	if len(ids) != len(documented) {
		t.Errorf("%d request IDs", len(ids))
	}
}

func TestUnknownSampleIsAnError(t *testing.T) {
	for event, random := range map[string]string{"sucess": "random enough", "success": "short"} {
		if _, err := Sample(event, strings.NewReader(random), time.Now()); err == nil {
			t.Errorf("%s: no error", event)
		}
	}
	c := Callback{Response: Response{StructuredOutput: json.RawMessage("{")}}
	if _, err := c.Body(); err == nil {
		t.Error("no error for data that is not JSON")
	}
}
