package cmd

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/signals"
)

// ledgerCommands are the commands that open a ledger; those that change it are last.
var ledgerCommands = []string{
	"history", "history -o json", "history --refused -o json", "history --failed", "history show req_called", "history show req_called -o json", "history show #1 -o json",
	"history show req_elsewhere", "status req_called --timeout 100ms", "status --last --timeout 100ms", "status --open --timeout 100ms", "status --wait --open --timeout 100ms",
	"batch list -o json", "batch show companies", "batch results companies", "__complete batch show c", "store info", "store check", "doctor --local",
	"trigger success --to listener", "replay req_called --to http://127.0.0.1:1/", "replay --failed --to http://127.0.0.1:1/", "listen --local --timeout 1ms",
	"run --local --window w --timeout 50ms x", "dispatch --window w --timeout 50ms x", "batch run - --name companies --local --window w --timeout 50ms",
	"batch run - --name companies --local --window w --timeout 50ms --restart", "batch delete companies --yes", "history prune --older-than 1d --open --yes", "history", "store check",
}

// Whatever is in the file of the ledger, a command that opens it ends with an exit code of
// its own and one line that says why.
func FuzzDamagedLedger(f *testing.F) {
	intact, err := os.ReadFile(filepath.Join("..", "pkg", "store", "sqlite", "testdata", "version1.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(60, []byte{0xff, 0xff, 0xff, 0xfb}) // user_version -5
	f.Add(60, []byte{0x7f, 0xff, 0xff, 0xff}) // a later version
	f.Add(68, []byte{0, 0, 0, 0})             // of another program
	f.Add(0, []byte("not a database"))
	f.Add(16, []byte{0, 0})
	f.Add(len(intact), []byte{})
	for _, content := range []string{`{"requestId":"req_called"`, `{"prompt":`, `{"requestId":"req_`, "req_called", "2026-01-02", "https://api.example.com", "success", "Authorization"} {
		for from, n := 0, 0; n < 3; n++ {
			at := bytes.Index(intact[from:], []byte(content))
			if at < 0 {
				break
			}
			f.Add(from+at, []byte("\x00x]"))
			from += at + 1
		}
	}
	f.Fuzz(func(t *testing.T, offset int, patch []byte) {
		if offset < 0 || offset > len(intact) || len(patch) > 4096 {
			return
		}
		content := slices.Clone(intact)
		if copied := copy(content[offset:], patch); copied == 0 {
			content = content[:offset/2] // cut off
		}
		state := t.TempDir()
		if err := os.WriteFile(filepath.Join(state, "ledger.db"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range ledgerCommands {
			tryDamaged(t, state, line)
		}
	})
}

// It is reported, and listen and replay continue with the next one.
func TestADamagedCallbackDoesNotKeepOthersFromBeingForwarded(t *testing.T) {
	intact, err := os.ReadFile(filepath.Join("..", "pkg", "store", "sqlite", "testdata", "version1.db"))
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
	}))
	defer hook.Close()
	state := t.TempDir()
	path := filepath.Join(state, "ledger.db")
	if err := os.WriteFile(path, intact, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"requestId":"req_called","secret":"s","status":"success"}`
	_, err = db.Exec(`DELETE FROM forwards;
		INSERT INTO forwards (seq, target, listener, request_id, state, header, body) VALUES
			(2, ?1, 'blue', 'req_called', 'waiting', ?3, 'x]'),
			(3, ?1, 'blue', 'req_called', 'waiting', 'x]', '{}'),
			(4, ?1, 'blue', 'req_called', 'waiting', ?3, ?2);
		UPDATE deliveries SET body = 'x]' WHERE seq = 2`, hook.URL, good, "Content-Type: application/json\r\n")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, args ...string) (code int, output string) {
		app, stdout, stderr := testApp(t, args...)
		lookup := app.Lookup
		app.Lookup = func(name string) (string, bool) {
			if name == "NARADA_STATE_DIR" {
				return state, true
			}
			return lookup(name)
		}
		code = app.Run(ctx)
		return code, stdout.String() + stderr.String()
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		if got := <-received; got != good {
			t.Errorf("received %s", got)
		}
		cancel(&signals.Error{Signal: os.Interrupt})
	}()
	code, text := run(ctx, "listen", "--local", "--forward-to", hook.URL)
	if code != codeDone || strings.Count(text, "not forwarded to "+hook.URL+": the stored callback is damaged: ") != 2 {
		t.Errorf("listen: %d, %s", code, text)
	}
	code, text = run(t.Context(), "store", "check", "-o", "json")
	if code != codeFailed || strings.Count(text, `{"damage":"`) != 1 || !strings.Contains(text, "error: the ledger is damaged\nhint: move it away ") {
		t.Errorf("store check: %d, %s", code, text)
	}
	code, text = run(t.Context(), "replay", "--failed")
	if code != codeFailed || !strings.Contains(text, "req_called: the stored callback is damaged: ") {
		t.Errorf("replay: %d, %s", code, text)
	}
}

func tryDamaged(t *testing.T, state, line string) {
	t.Helper()
	app, _, stderr := testApp(t, strings.Fields(line)...)
	app.Stdin = strings.NewReader("one\ntwo\n")
	lookup := app.Lookup
	app.Lookup = func(name string) (string, bool) {
		switch name {
		case "NARADA_STATE_DIR":
			return state, true
		case "NARADA_API_KEY":
			return "key-for-nobody", true
		case "NARADA_API_BASE_URL":
			return "http://127.0.0.1:1", true
		}
		return lookup(name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := app.Run(ctx)
	if text := stderr.String(); ctx.Err() != nil || strings.Contains(text, "internal error") || code < codeDone || code != codeDone && code != codeFailed && !strings.Contains(text, "error: ") {
		t.Errorf("narada %s: exit code %d: %s", line, code, text)
	}
}
