package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// openTicking opens a ledger that is maintained only by the function, that many times.
func openTicking(t *testing.T, dir string) (l *Store, maintain func(times int)) {
	t.Helper()
	tick := make(chan time.Time)
	return openWith(t, dir, Options{tick: tick}), func(times int) {
		for range times + 1 { // the last one is received when the others are done
			tick <- start
		}
	}
}

// enough is how often an idle ledger is maintained until its log is empty: the callbacks
// have arrived, they are indexed, nothing was written since.
const enough = 3

// findSecret returns the name of a file of the ledger that contains the text.
func findSecret(t *testing.T, dir, text string) (name string) {
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

func wantSecret(t *testing.T, dir string, there bool) {
	t.Helper()
	for _, text := range []string{"secret-of", "header-of"} {
		if file := findSecret(t, dir, text); file != "" && !there {
			t.Errorf("%s contains %q", file, text)
		}
	}
	if there && findSecret(t, dir, "secret-of") == "" {
		t.Error("no file contains the secret: the test proves nothing")
	}
}

// forwarding stores a callback, with its credentials, that waits to be forwarded.
func forwarding(t *testing.T, l *Store) {
	t.Helper()
	_, err := l.Store(ctx, callback(t, ticket("a"), final("req_1", ticket("a"), "42")), store.Forwarding{Listener: "x", Targets: []string{"t"}})
	must(t, err)
}

// forwarded ends the forwarding of that callback.
func forwarded(t *testing.T, l *Store) {
	t.Helper()
	must(t, l.Write(ctx, &store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: "t", State: store.ForwardDelivered, EndedAt: start}}))
}

func TestCloseErasesSecretsFromTheFiles(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{tick: make(chan time.Time)})
	must(t, err)
	forwarding(t, l)
	wantSecret(t, dir, true)
	forwarded(t, l)
	must(t, l.Close())
	wantSecret(t, dir, false)
}

// The credentials for a target are on the disk only while the callback waits.
func TestCredentialsAreErasedWhenForwardingHasEnded(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{tick: make(chan time.Time)})
	must(t, err)
	for seq, state := range []store.ForwardState{store.ForwardDelivered, store.ForwardFailed} {
		id := string(state)
		_, err = l.Store(ctx, callback(t, ticket("a"), final(id, ticket("a"), "42")), store.Forwarding{Listener: "x", Targets: []string{"t"}})
		must(t, err)
		wantSecret(t, dir, true)
		must(t, l.Write(ctx, &store.ForwardEnded{Forward: store.Forward{Seq: int64(seq + 1), Target: "t", State: state, EndedAt: start}}))
	}
	must(t, l.Close())
	wantSecret(t, dir, false)
}

// The log is emptied soon after the callback was forwarded.
func TestSecretsAreErasedFromTheLogOfARunningProcess(t *testing.T) {
	dir := t.TempDir()
	l, maintain := openTicking(t, dir)
	forwarding(t, l)
	forwarded(t, l)
	wantSecret(t, dir, true)
	maintain(enough)
	wantSecret(t, dir, false)
}

// A running process empties the log after another one has closed the ledger.
func TestSecretsThatAnotherProcessBlankedAreErasedFromTheLog(t *testing.T) {
	dir := t.TempDir()
	l, maintain := openTicking(t, dir)
	forwarding(t, l)
	maintain(enough)
	other, err := Open(ctx, dir, Options{})
	must(t, err)
	forwarded(t, other)
	must(t, other.Close())
	wantSecret(t, dir, true)
	maintain(enough)
	wantSecret(t, dir, false)
}

// The default interval applies.
func TestALedgerIsMaintainedAutomatically(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, dir)
		forwarding(t, l)
		forwarded(t, l)
		time.Sleep((enough + 1) * maintainInterval)
		synctest.Wait()
		wantSecret(t, dir, false)
	})
}

// A reader prevents the emptying; it is done after the read.
func TestTheLogIsEmptiedWhenNoReaderBlocksIt(t *testing.T) {
	dir := t.TempDir()
	l, maintain := openTicking(t, dir)
	forwarding(t, l)
	reader, err := l.read.Query("SELECT 1 FROM deliveries UNION ALL SELECT 2")
	must(t, err)
	reader.Next()
	forwarded(t, l)
	if blocked, err := l.checkpoint(ctx, emptyLog); !blocked || err != nil {
		t.Errorf("blocked: %v, %v", blocked, err)
	}
	maintain(enough)
	wantSecret(t, dir, true)
	must(t, reader.Close())
	maintain(1)
	wantSecret(t, dir, false)
}

// Callbacks are indexed when none has arrived since the last tick.
func TestCallbacksAreIndexedWhenTheLedgerIsIdle(t *testing.T) {
	l, maintain := openTicking(t, t.TempDir())
	unindexed := func() bool {
		some, err := l.hasUnindexed(ctx)
		must(t, err)
		return some
	}
	deliver(t, l, ticket("a"), final("req_1", ticket("a"), "42"))
	l.busy.Store(true)
	if maintain(0); !unindexed() { // it waits for the tick, or callbacks have arrived
		t.Error("a callback was indexed while others arrived")
	}
	if maintain(2); unindexed() {
		t.Error("a callback was not indexed while the ledger was idle")
	}
}

// Without a restart, the log grows as long as the writer has no pause.
func TestALogThatIsTooLongIsRestarted(t *testing.T) {
	l, _ := openTicking(t, t.TempDir())
	grow := func() {
		must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
			return tx.run("INSERT INTO tasks (dispatched_at, source, status, request) VALUES (0, '', '', zeroblob(?))", maxLogFile/16)
		}}))
	}
	for l.logSize() <= maxLogFile {
		grow()
	}
	size := l.logSize()
	l.moveLog()
	if grow(); l.logSize() != size {
		t.Errorf("the log has grown from %d bytes to %d", size, l.logSize())
	}
}
