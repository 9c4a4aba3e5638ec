package term

import (
	"context"
	"log/slog"
	"time"
)

// ReporterOptions say how a Reporter writes.
type ReporterOptions struct {
	Screen *Screen
	Level  slog.Level          // Quiet, Normal or Verbose
	JSON   bool                // an object a line
	Mask   func(string) string // masks secrets in text
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
	logger := func(o ReporterOptions) *slog.Logger {
		if o.JSON {
			return slog.New(newJSONHandler(o.Screen.lines(), o))
		}
		return slog.New(newHandler(o.Screen.lines(), o))
	}
	unmasked := o
	unmasked.Mask = func(text string) string { return text }
	return &Reporter{log: logger(o), revealed: logger(unmasked), o: o}
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
		attrs = append(attrs, slog.String(hintKey, hint))
	}
	logRecord(r.log, slog.LevelError, event, text, attrs)
}

// Hint logs what to do next where nothing failed.
func (r *Reporter) Hint(text string) { logRecord(r.log, levelHint, "hint", text, nil) }

// Text logs text that belongs to the answer, as an agent's error.
func (r *Reporter) Text(event, text string, attrs ...slog.Attr) {
	logRecord(r.log, levelText, event, text, attrs)
}

// Reveal is Info without masking, for a secret that the user asked to see.
func (r *Reporter) Reveal(event, text string, attrs ...slog.Attr) {
	logRecord(r.revealed, slog.LevelInfo, event, text, attrs)
}

func logRecord(log *slog.Logger, level slog.Level, event, text string, attrs []slog.Attr) {
	log.LogAttrs(context.Background(), level, text, append([]slog.Attr{slog.String("event", event)}, attrs...)...)
}

// Wait shows that the program waits, until stop is called.
func (r *Reporter) Wait(event, label string) (stop func()) { return r.Show(event, label, Meter{}) }

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
	return newProgress(total, func(m Meter) func() { return r.Show(event, label, m) })
}

// Over returns a writer to w, which may be the same terminal. It hides the spinner
// while it writes.
func (r *Reporter) Over(w *Writer) *Writer { return r.o.Screen.Over(w) }

// Logger returns a logger for a library, whose records are logged as details under that
// event. Unless the reporter is verbose, they are not.
func (r *Reporter) Logger(event string) *slog.Logger {
	if !r.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	write := func(line []byte) (int, error) {
		r.Detail(event, event+": "+OneLine(string(line)))
		return len(line), nil
	}
	return slog.New(&masking{slog.NewTextHandler(writerFunc(write), &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	}), r.o.Mask})
}
