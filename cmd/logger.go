package cmd

import (
	"context"
	"log/slog"
	"strings"

	"github.com/narada-cli/narada/pkg/term"
)

// logger returns a logger whose records are said with -v, as the event. Without
// -v it is nil, which is silent.
func (inv *invocation) logger(event string) *slog.Logger {
	if !inv.talk.Verbose() {
		return nil
	}
	return slog.New(&talkHandler{talk: inv.talk, event: event})
}

// talkHandler is a slog.Handler that speaks through a Talk.
type talkHandler struct {
	talk  *term.Talk
	event string
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *talkHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelDebug
}

// Handle implements slog.Handler.
func (h *talkHandler) Handle(_ context.Context, r slog.Record) error {
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
	h.talk.Detail(h.event, term.OneLine(b.String()))
	return nil
}

// WithAttrs implements slog.Handler.
func (h *talkHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &talkHandler{talk: h.talk, event: h.event, attrs: more}
}

// WithGroup implements slog.Handler. The names of groups are left out.
func (h *talkHandler) WithGroup(string) slog.Handler { return h }
