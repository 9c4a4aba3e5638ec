package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An endpoint that repeats what it was shown does not have it printed.
func TestTriggerDoesNotPrintWhatAnEndpointRepeats(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+string(body))
	}))
	defer echo.Close()
	for _, format := range []string{"text", "json"} {
		app, stdout, stderr := testApp(t, "trigger", "success", "--to", echo.URL, "-o", format, "--callback-secret", "env:SECRET", "--callback-header", "Authorization: env:AUTH")
		values := map[string]string{"HOME": t.TempDir(), "SECRET": `shop"s3cret<1>`, "AUTH": "Bearer shop-t0ken&"}
		app.Lookup = func(name string) (string, bool) { v, ok := values[name]; return v, ok }
		code := app.Run(t.Context())
		if text := stdout.String(); code != codeDone || !strings.Contains(text, "Found 1,234") || strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
			t.Errorf("code %d, stdout %s, stderr %s", code, text, stderr)
		}
	}
}

// An endpoint that does not answer is told from one that is not there.
func TestTriggerTellsWhyNoAnswerCame(t *testing.T) {
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
