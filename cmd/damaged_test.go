package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ledgerCommands are the commands that read a ledger, and some that change it.
var ledgerCommands = []string{
	"history", "history -o json", "history show req_called", "history show req_called -o json", "history show #1 -o json", "history show req_elsewhere",
	"status req_called --timeout 100ms", "status --open --timeout 100ms", "batch list -o json", "batch show companies", "batch results companies",
	"replay req_called --to http://127.0.0.1:1/", "replay --failed --to http://127.0.0.1:1/", "listen --local --timeout 1ms",
	"history prune --older-than 1d --open --yes", "history",
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

func tryDamaged(t *testing.T, state, line string) {
	t.Helper()
	app, _, stderr := testApp(t, strings.Fields(line)...)
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
	if text := stderr.String(); ctx.Err() != nil || strings.Contains(text, "internal error") {
		t.Errorf("narada %s: exit code %d: %s", line, code, text)
	}
}
