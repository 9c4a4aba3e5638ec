package term

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// ReporterOptions say how a Reporter writes.
type ReporterOptions struct {
	Screen   *Screen
	Level    slog.Level // Quiet, Normal or Verbose
	JSON     bool       // an object a line
	Mask     func(string) string
	Terminal bool // the screen is a terminal
}

// Reporter writes log records to stderr, and shows the spinner and the bar there, which
// are no records.
type Reporter struct {
	log      *slog.Logger
	revealed *slog.Logger // masks nothing
	o        ReporterOptions
}

// NewReporter returns a reporter.
func NewReporter(o ReporterOptions) *Reporter {
	logger := func(mask func(string) string) *slog.Logger {
		h := HandlerOptions{Level: o.Level, Mask: mask, Color: o.Screen.Color, Terminal: o.Terminal}
		if o.JSON {
			return slog.New(NewJSONHandler(o.Screen, h))
		}
		return slog.New(NewHandler(o.Screen, h))
	}
	return &Reporter{log: logger(o.Mask), revealed: logger(func(text string) string { return text }), o: o}
}

// Verbose reports whether details are logged.
func (r *Reporter) Verbose() bool { return r.o.Level <= Verbose }

// Mask replaces the secrets in text.
func (r *Reporter) Mask(text string) string { return r.o.Mask(text) }

// Detail logs what -v asks for.
func (r *Reporter) Detail(event, text string, attrs ...slog.Attr) {
	logRecord(r.log, slog.LevelDebug, event, text, attrs)
}

// Info logs what happens.
func (r *Reporter) Info(event, text string, attrs ...slog.Attr) {
	logRecord(r.log, slog.LevelInfo, event, text, attrs)
}

// Warn logs what is unusual, and what is done about it.
func (r *Reporter) Warn(event, text string, attrs ...slog.Attr) {
	logRecord(r.log, slog.LevelWarn, event, text, attrs)
}

// Error logs what failed, and a hint that says what to do next. The hint may be "".
func (r *Reporter) Error(event, text, hint string, attrs ...slog.Attr) {
	if hint != "" {
		attrs = append(attrs, slog.String(HintKey, hint))
	}
	logRecord(r.log, slog.LevelError, event, text, attrs)
}

// Hint logs what to do next where nothing failed.
func (r *Reporter) Hint(text string) { logRecord(r.log, LevelHint, "hint", text, nil) }

// Text logs text that belongs to the answer, as an agent's error.
func (r *Reporter) Text(event, text string, attrs ...slog.Attr) {
	logRecord(r.log, LevelText, event, text, attrs)
}

// Reveal is Info without masking, for a secret that the user asked to see.
func (r *Reporter) Reveal(event, text string, attrs ...slog.Attr) {
	logRecord(r.revealed, slog.LevelInfo, event, text, attrs)
}

func logRecord(log *slog.Logger, level slog.Level, event, text string, attrs []slog.Attr) {
	log.LogAttrs(context.Background(), level, text, append([]slog.Attr{slog.String("event", event)}, attrs...)...)
}

// Wait shows that the program waits, until stop is called.
func (r *Reporter) Wait(event, label string) (stop func()) { return r.Show(event, label, nil) }

// Show is Wait with a meter that shows progress.
func (r *Reporter) Show(event, label string, m Meter) (stop func()) {
	if r.o.Level > Normal {
		return func() {}
	}
	return r.o.Screen.Show(r.Mask(label), m, r.alive(func() string { return event }))
}

// Follow is Wait for what changes: state returns the event and the label. It is called at
// any time, and must not block.
func (r *Reporter) Follow(state func() (event, label string)) (stop func()) {
	if r.o.Level > Normal {
		return func() {}
	}
	label := func() string {
		_, label := state()
		return r.Mask(label)
	}
	var none Meter // the progress is unknown
	return r.o.Screen.Follow(label, none, r.alive(func() string {
		event, _ := state()
		return event
	}))
}

// alive logs a sign of life.
func (r *Reporter) alive(event func() string) func(text string, elapsed time.Duration) {
	return func(text string, elapsed time.Duration) {
		r.Info(event(), text, slog.Float64("elapsed", elapsed.Seconds()))
	}
}

// Progress is Show for a transfer of total bytes. The caller adds the bytes to it.
func (r *Reporter) Progress(event, label string, total int64) *Progress {
	return NewProgress(total, func(m Meter) func() { return r.Show(event, label, m) })
}

// Over returns a writer to w, which may be the same terminal. It hides the spinner
// while it writes.
func (r *Reporter) Over(w io.Writer) io.Writer { return r.o.Screen.Over(w) }

// Logger returns a logger for a library, whose records are logged as details under that
// event. It is nil, for no logging, unless the reporter is verbose.
func (r *Reporter) Logger(event string) *slog.Logger {
	if !r.Verbose() {
		return nil
	}
	return slog.New(&libraryHandler{next: r.log.Handler(), event: event})
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
	worded := slog.NewRecord(r.Time, slog.LevelDebug, OneLine(b.String()), r.PC)
	worded.AddAttrs(slog.String("event", h.event))
	return h.next.Handle(ctx, worded)
}

// WithAttrs implements slog.Handler.
func (h *libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &libraryHandler{next: h.next, event: h.event, attrs: slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler. The names of groups are left out.
func (h *libraryHandler) WithGroup(string) slog.Handler { return h }
