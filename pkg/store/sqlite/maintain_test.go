package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// hasSecret names a file of the ledger that has the text in it.
func hasSecret(t *testing.T, dir, text string) (name string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		if bytes.Contains(content, []byte(text)) {
			return filepath.Base(file)
		}
	}
	return ""
}

// losesSecret waits until no file of the ledger has the text in it.
func losesSecret(t *testing.T, dir, text string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		file := hasSecret(t, dir, text)
		if file == "" {
			return
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("%s still has the secret", file)
		}
	}
}

func TestSecretsGoWithTheEnd(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{})
	must(t, err)
	tk, shared := ticket("a"), ticket("shared")
	number := intend(t, l, tk, "p")
	must(t, l.Accepted(ctx, number, "req_1"))
	deliver(t, l, tk, phase("req_1", tk))
	deliver(t, l, shared, phase("req_2", shared))
	before, err := l.Deliveries(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if string(before[0].Body) != phase("req_1", tk) {
		t.Errorf("a callback of an open task is kept as %s", before[0].Body)
	}
	deliver(t, l, tk, final("req_1", tk, "42"))
	deliver(t, l, shared, final("req_2", shared, "42"))
	deliver(t, l, tk, strings.Replace(phase("req_1", tk), "input-required", "error", 1)) // late
	after, err := l.Deliveries(ctx, theTask(t, l, "req_1"))
	must(t, err)
	if want := strings.Replace(final("req_1", tk, "42"), `"`+tk.Secret+`"`, "null", 1); string(after[1].Body) != want {
		t.Errorf("got %s, want %s", after[1].Body, want)
	}
	if got := after[0].Header.Get("Authorization"); got != "***" {
		t.Errorf("the header is kept as %q", got)
	}
	must(t, l.Close())
	for _, secret := range []string{"secret-of", "header-of"} {
		if file := hasSecret(t, dir, secret); file != "" {
			t.Errorf("%s still has %q in it", file, secret)
		}
	}
}

// The log of a process that goes on has no secrets for longer than a moment.
func TestSecretsGoFromTheLogToo(t *testing.T) {
	dir := t.TempDir()
	l, tk := open(t, dir), ticket("a")
	deliver(t, l, tk, phase("req_1", tk))
	deliver(t, l, tk, final("req_1", tk, "42"))
	losesSecret(t, dir, tk.Secret)
}

// A writer that has no pause would have the log grow for ever.
func TestTheLogIsBegunAnew(t *testing.T) {
	l := open(t, t.TempDir())
	grow := func() {
		l.busy.Store(true) // the keeper empties it in quiet moments
		must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
			_, err := tx.exec("INSERT INTO tasks (dispatched_at, source, status, request) VALUES (0, '', '', zeroblob(?))", maxLogFile/16)
			return err
		}}))
	}
	for range 20 {
		grow()
	}
	size := l.logSize()
	if size <= maxLogFile {
		t.Fatalf("the log has %d bytes only", size)
	}
	// The keeper may be at it in the same moment, and nobody waits for anybody.
	for range 100 {
		l.moveLog()
		grow()
		again := l.logSize()
		if again == size {
			return
		}
		size = again
	}
	t.Errorf("the log has grown to %d bytes, and grows", size)
}

// A process that goes on empties the log for one that has left.
func TestSecretsGoThatAnotherProcessHasBlanked(t *testing.T) {
	dir := t.TempDir()
	l, tk := open(t, dir), ticket("a")
	number := intend(t, l, tk, "p")
	must(t, l.Accepted(ctx, number, "req_1"))
	deliver(t, l, tk, phase("req_1", tk))
	other, err := Open(ctx, dir, Options{})
	must(t, err)
	r, err := narada.ParseResult([]byte(`{"requestId":"req_1","status":"error","completedAt":"2026-01-02T03:04:05Z"}`))
	must(t, err)
	must(t, other.Polled(ctx, r, start))
	must(t, other.Close())
	losesSecret(t, dir, tk.Secret)
}

// While somebody reads the log cannot be emptied; after it, it is.
func TestSecretsGoOnceNobodyReads(t *testing.T) {
	dir := t.TempDir()
	l, tk := open(t, dir), ticket("a")
	deliver(t, l, tk, phase("req_1", tk))
	reader, err := l.read.Query("SELECT 1 FROM deliveries UNION ALL SELECT 2")
	must(t, err)
	reader.Next()
	deliver(t, l, tk, final("req_1", tk, "42"))
	if blocked, err := l.emptyLog(ctx); !blocked || err != nil {
		t.Errorf("blocked: %v, %v", blocked, err)
	}
	var log logCleaner
	log.look(l)
	log.look(l)
	if hasSecret(t, dir, tk.Secret) == "" || !log.pending {
		t.Errorf("the log was emptied under a reader")
	}
	must(t, reader.Close())
	losesSecret(t, dir, tk.Secret)
}
