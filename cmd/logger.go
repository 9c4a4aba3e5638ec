package cmd

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/term"
)

// logger returns a logger for a library, whose records are said with -v, as the event.
// Without -v it is nil, which is silent.
func (inv *invocation) logger(event string) *slog.Logger {
	if !inv.log.Verbose() {
		return nil
	}
	return slog.New(&libraryHandler{next: inv.log.log.Handler(), event: event})
}

// libraryHandler makes one text of a library's record and its attributes.
type libraryHandler struct {
	next  slog.Handler
	event string
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *libraryHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *libraryHandler) Handle(ctx context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(h.event + ": " + r.Message)
	write := func(a slog.Attr) bool {
		b.WriteString(" " + a.Key + "=" + a.Value.String())
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	worded := slog.NewRecord(r.Time, slog.LevelDebug, term.OneLine(b.String()), r.PC)
	worded.AddAttrs(slog.String("event", h.event))
	return h.next.Handle(ctx, worded)
}

// WithAttrs implements slog.Handler.
func (h *libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &libraryHandler{next: h.next, event: h.event, attrs: slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler. The names of groups are left out.
func (h *libraryHandler) WithGroup(string) slog.Handler { return h }
