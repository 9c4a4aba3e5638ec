package stream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.ngrok.com/muxado/v2"

	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns the two ends of a muxado stream, ours wrapped.
func pair(t *testing.T, set *stream.Set) (ours *stream.Conn, theirs net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	client, server := muxado.Client(a, nil), muxado.Server(b, nil)
	opened, err := client.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Write([]byte("!")); err != nil { // a stream begins with its first byte
		t.Fatal(err)
	}
	theirs, err = server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	ours = set.Wrap(opened)
	t.Cleanup(func() {
		_ = ours.Close()
		_ = client.Close()
		_ = server.Close()
		if err := set.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return ours, theirs
}

// window is how much muxado sends before the other side has to read.
const window = 256 << 10

func TestBytesArriveUnchangedInBothDirections(t *testing.T) {
	ours, theirs := pair(t, new(stream.Set))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4*window/16)
	failed := make(chan error, 1)
	go func() {
		_, err := ours.Write(sent)
		failed <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("other bytes arrived (%v)", err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	go func() { _, _ = theirs.Write([]byte("back")) }()
	if _, err := io.ReadFull(ours, got[:4]); err != nil || string(got[:4]) != "back" {
		t.Errorf("got %q, %v", got[:4], err)
	}
}

func TestABlockedWriteEndsAtItsDeadline(t *testing.T) {
	for name, set := range map[string]func(*stream.Conn) error{
		"set before":       func(c *stream.Conn) error { return c.SetWriteDeadline(time.Now().Add(time.Millisecond)) },
		"with SetDeadline": func(c *stream.Conn) error { return c.SetDeadline(time.Now().Add(time.Millisecond)) },
		"in the past":      func(c *stream.Conn) error { return c.SetWriteDeadline(time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := pair(t, new(stream.Set))
			if err := set(ours); err != nil {
				t.Fatal(err)
			}
			n, err := ours.Write(make([]byte, 2*window))
			if !errors.Is(err, os.ErrDeadlineExceeded) || n > window {
				t.Errorf("got %d, %v", n, err)
			}
			// It is unknown how much arrived: later writes must fail.
			if err := ours.SetWriteDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if _, err := ours.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a later write: %v", err)
			}
		})
	}
}

func TestADeadlineCanBeMovedWhileAWriteIsPending(t *testing.T) {
	ours, theirs := pair(t, new(stream.Set))
	if err := ours.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := ours.Write(make([]byte, 2*window))
		failed <- err
	}()
	if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := ours.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestAReadEndsAtItsDeadlineAndCanBeRetried(t *testing.T) {
	ours, theirs := pair(t, new(stream.Set))
	if err := ours.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := ours.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := ours.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = theirs.Write([]byte("x")) }()
	if _, err := ours.Read(b); err != nil || b[0] != 'x' {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestCloseEndsWhatIsPendingAndNeverBlocks(t *testing.T) {
	ours, theirs := pair(t, new(stream.Set))
	write, read := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := ours.Write(make([]byte, 2*window))
		write <- err
	}()
	go func() {
		_, err := ours.Read(make([]byte, 1))
		read <- err
	}()
	if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ours.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-write; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the write: %v", err)
	}
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the read: %v", err)
	}
	if err := ours.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("setting a deadline: %v", err)
	}
}

func TestThePeerSeesTheEndAfterAllBytes(t *testing.T) {
	ours, theirs := pair(t, new(stream.Set))
	if _, err := ours.Write([]byte("all of it")); err != nil {
		t.Fatal(err)
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(theirs); err != nil || string(got) != "all of it" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestASetClosesItsConnectionsAndLaterOnes(t *testing.T) {
	var set stream.Set
	first, _ := pair(t, &set)
	waited := make(chan error, 1)
	go func() { waited <- set.Wait(context.Background()) }()
	set.Close()
	if _, err := first.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the first: %v", err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	later, _ := pair(t, &set)
	if _, err := later.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a later one: %v", err)
	}
}

func TestWaitingForASetEndsWithItsContext(t *testing.T) {
	var set stream.Set
	pair(t, &set)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := set.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
