package cmd

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

// An endpoint may repeat the credentials in its answer.
func TestSecretsInAnAnswerAreNotPrinted(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Narada-Check") == "null-usage" { // a test that quotes the answer when it fails
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+string(body))
	}))
	defer echo.Close()
	home := t.TempDir()
	storeCallback(t, filepath.Join(home, ".local/state/narada"))
	for command, test := range map[string]struct {
		code   int
		repeat string // the printed part of the answer
	}{
		"trigger success --to URL -v":                                  {codeDone, "Found 1,234"},
		"trigger success --to URL -v -o json":                          {codeDone, "Found 1,234"},
		"trigger success --to URL -v --count 2":                        {codeDone, ""},
		"replay --last --to URL -v":                                    {codeDone, ""},
		"replay --last --to URL -v -o json":                            {codeDone, `{\"requestId\":\"req_1\"`},
		"check URL --allow-http -v":                                    {codeFailed, "418: "},
		"check URL --allow-http -v -o json":                            {codeFailed, "418: "},
		"doctor --local --endpoint URL --allow-http -v":                {codeFailed, "418: "},
		"doctor --local --endpoint URL --allow-http --log-format json": {codeFailed, "418: "},
	} {
		t.Run(command, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(command, "URL", echo.URL))
			app, stdout, stderr := testApp(t, append(args, "--callback-secret", "env:SECRET", "--callback-header", "Authorization: env:AUTH", "--base-url", echo.URL)...)
			values := map[string]string{"HOME": home, "LocalAppData": filepath.Join(home, ".local/state"), "SECRET": `shop"s3cret<1>`, "AUTH": "Bearer shop-t0ken&"}
			app.Lookup, app.Random = func(name string) (string, bool) { v, ok := values[name]; return v, ok }, rand.Reader
			code, text := app.Run(t.Context()), stdout.String()+stderr.String()
			if code != test.code || !strings.Contains(stdout.String(), test.repeat) || strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
				t.Errorf("code %d, stdout %s, stderr %s", code, stdout, stderr)
			}
		})
	}
}

// storeCallback stores a callback in the ledger in dir.
func storeCallback(t *testing.T, dir string) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ticket, header := webhook.Ticket{Path: "/narada/a", Secret: "s"}, http.Header{"Content-Type": {"application/json"}}
	body := []byte(`{"requestId":"req_1","status":"success","completedAt":"2026-01-02T03:04:05Z","secret":"s"}`)
	result, err := webhook.Verify(ticket, header, body)
	if err != nil {
		t.Fatal(err)
	}
	err = l.Deliver(t.Context(), webhook.Delivery{Ticket: ticket, Result: result, Header: header, Body: body, ReceivedAt: time.Now()})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestTriggerReportsAnEndpointThatDoesNotAnswer(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	for count, want := range map[string]string{"1": `"error":"no answer within 100ms"`, "2": `"answers":{"no answer in time":2}`} {
		app, stdout, stderr := testApp(t, "trigger", "error", "--to", silent.URL, "-o", "json", "--timeout", "100ms", "--count", count)
		if code := app.Run(t.Context()); code != codeFailed || !strings.Contains(stdout.String(), want) {
			t.Errorf("code %d, stdout %s, stderr %s", code, stdout, stderr)
		}
	}
}
