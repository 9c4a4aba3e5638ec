package cmd

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/term"
)

// reporter says on stderr what happens: as log records, which a handler makes lines
// of. The spinner and the bar are no records.
type reporter struct {
	log      *slog.Logger
	revealed *slog.Logger // which masks nothing
	mask     func(string) string
	screen   *term.Screen
	level    slog.Level
}

// newTalk makes a reporter of the global flags as they are now.
func (inv *invocation) newReporter() *reporter {
	level := term.Normal
	switch {
	case inv.quiet:
		level = term.Quiet
	case inv.verbose:
		level = term.Verbose
	}
	mode := inv.color
	if inv.settings != nil {
		mode = inv.settings.Get(config.ColorMode).Text
	}
	app, isJSON := inv.app, inv.logFormat == "json"
	color := term.Color(term.ColorMode(mode), app.getenv, app.StderrTerminal)
	r := &reporter{level: level, mask: inv.masker.Mask, screen: &term.Screen{
		W: app.Stderr, Color: color, Width: app.stderrWidth,
		Spinner: app.StderrTerminal && !isJSON && app.getenv("TERM") != "dumb",
	}}
	logger := func(mask func(string) string) *slog.Logger {
		o := term.HandlerOptions{Level: level, Mask: mask, Color: color, Terminal: app.StderrTerminal}
		if isJSON {
			return slog.New(term.NewJSONHandler(r.screen, o))
		}
		return slog.New(term.NewHandler(r.screen, o))
	}
	r.log, r.revealed = logger(r.mask), logger(func(text string) string { return text })
	return r
}

// Verbose reports whether what is sent and received is said.
func (r *reporter) Verbose() bool { return r.level <= term.Verbose }

// Detail says what -v asks for.
func (r *reporter) Detail(event, text string, attrs ...slog.Attr) {
	say(r.log, slog.LevelDebug, event, text, attrs)
}

// Info says what happens.
func (r *reporter) Info(event, text string, attrs ...slog.Attr) {
	say(r.log, slog.LevelInfo, event, text, attrs)
}

// Warn says what is odd, and what is done about it.
func (r *reporter) Warn(event, text string, attrs ...slog.Attr) {
	say(r.log, slog.LevelWarn, event, text, attrs)
}

// Error says what failed, and with a hint, if there is one, what to do next.
func (r *reporter) Error(event, text, hint string, attrs ...slog.Attr) {
	if hint != "" {
		attrs = append(attrs, slog.String(term.HintKey, hint))
	}
	say(r.log, slog.LevelError, event, text, attrs)
}

// Hint says what to do next where nothing failed.
func (r *reporter) Hint(text string) { say(r.log, term.LevelHint, "hint", text, nil) }

// Text says text that is the answer in all but its stream: an agent's error.
func (r *reporter) Text(event, text string, attrs ...slog.Attr) {
	say(r.log, term.LevelText, event, text, attrs)
}

// Reveal is Info for a secret that somebody has asked to see.
func (r *reporter) Reveal(event, text string, attrs ...slog.Attr) {
	say(r.revealed, slog.LevelInfo, event, text, attrs)
}

func say(log *slog.Logger, level slog.Level, event, text string, attrs []slog.Attr) {
	log.LogAttrs(context.Background(), level, text, append([]slog.Attr{slog.String("event", event)}, attrs...)...)
}

// Wait shows that the program waits for something, until the function that it returns
// is called.
func (r *reporter) Wait(event, label string) (stop func()) { return r.Show(event, label, nil) }

// Show is Wait, and tells how far it is.
func (r *reporter) Show(event, label string, m term.Meter) (stop func()) {
	if r.level > term.Normal {
		return func() {}
	}
	return r.screen.Show(r.mask(label), m, func(text string, elapsed time.Duration) {
		r.Info(event, text, slog.Float64("elapsed", elapsed.Seconds()))
	})
}

// Progress is Show for a transfer of so many bytes, which is told of each.
func (r *reporter) Progress(event, label string, total int64) *term.Progress {
	return term.NewProgress(total, func(m term.Meter) func() { return r.Show(event, label, m) })
}

// Over returns a writer to w, which may be the same terminal: the spinner is out of the
// way while it writes.
func (r *reporter) Over(w io.Writer) io.Writer { return r.screen.Over(w) }
