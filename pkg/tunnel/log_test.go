package tunnel_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTheLibraryLogsAtLevelDebugWithoutTheAuthtoken(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	edge.RefuseAuth("ERR_NGROK_105", "")
	c := config(edge)
	var all, info buffer
	c.Logger = slog.New(slog.NewJSONHandler(&all, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := tunnel.Open(soon(t), c); err == nil {
		t.Fatal("no error")
	}
	if got := all.String(); !strings.Contains(got, "Your authtoken: ***") || strings.Contains(got, token) {
		t.Errorf("log: %s", got)
	}
	c.Logger = slog.New(slog.NewJSONHandler(&info, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if _, err := tunnel.Open(soon(t), c); err == nil {
		t.Fatal("no error")
	}
	if got := info.String(); got != "" {
		t.Errorf("above Debug: %s", got)
	}
}
