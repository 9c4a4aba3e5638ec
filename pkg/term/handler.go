package term

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"
)

// The levels of records in addition to those of slog. Requests and answers are
// slog.LevelDebug.
const (
	levelHint = slog.LevelInfo + 1 // what to do next
	levelText = slog.LevelWarn + 1 // text of an answer that goes to stderr, such as an agent's error
)

// The minimum levels: with --quiet, by default, and with --verbose.
const (
	Quiet   = levelText
	Normal  = slog.LevelInfo
	Verbose = slog.LevelDebug
)

const (
	hintKey    = "hint"    // the attribute with the hint of an error
	statusKey  = "status"  // the attribute with the status of an answer
	messageKey = "message" // the member with a record's text
)

// kind is how the lines of a level look.
type kind struct {
	name  string
	color color.Attribute // 0: none
	lead  bool            // begin the line with the name
}

func kindOf(level slog.Level) kind {
	switch {
	case level >= slog.LevelError:
		return kind{"error", color.FgRed, true}
	case level >= levelText:
		return kind{"text", 0, false}
	case level >= slog.LevelWarn:
		return kind{"warning", color.FgYellow, true}
	case level >= levelHint:
		return kind{"hint", color.FgCyan, true}
	case level >= slog.LevelInfo:
		return kind{"info", 0, false}
	}
	return kind{"debug", color.Faint, false}
}

// newHandler returns a handler that writes lines for people: a record's message after its
// kind, such as "error:", and a hint on the next line. In the log of a workflow, errors and
// warnings are annotations. It ignores the other attributes. Each record is one Write.
func newHandler(w *Writer, o ReporterOptions) slog.Handler {
	return &masking{&people{w, o.Level}, o.Mask}
}

type people struct {
	w     *Writer
	level slog.Level
}

func (h *people) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }
func (h *people) WithAttrs([]slog.Attr) slog.Handler               { return h }
func (h *people) WithGroup(string) slog.Handler                    { return h }

func (h *people) Handle(_ context.Context, r slog.Record) error {
	hint, status := "", ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case hintKey:
			hint = a.Value.String()
		case statusKey:
			status = a.Value.String()
		}
		return true
	})
	if kind := kindOf(r.Level).name; h.w.Workflow && isAnnotation(kind) {
		text := r.Message
		if hint != "" {
			text += "\nhint: " + hint
		}
		return h.w.annotate(kind, text)
	}
	spans := line(r.Level, r.Message, status)
	if hint != "" {
		spans = append(spans, line(levelHint, hint, "")...)
	}
	return h.w.Print(spans...)
}

// statusColors are the colours of statuses of HTTP, by their first digit.
var statusColors = map[byte]color.Attribute{'2': color.FgGreen, '3': color.FgYellow, '4': color.FgRed, '5': color.FgRed}

// line is a line with its kind. The status with which a text begins is coloured.
func line(level slog.Level, text, status string) (spans []Span) {
	k := kindOf(level)
	if k.lead {
		spans, k.color = []Span{{k.name + ":", k.color}, {Text: " "}}, 0
	}
	if rest, ok := strings.CutPrefix(text, status+" "); ok && status != "" {
		spans, text = append(spans, Span{status, statusColors[status[0]]}), " "+rest
	}
	return append(spans, Span{text, k.color}, Span{Text: "\n"})
}

// newJSONHandler returns a handler that writes each record as a JSON object with time,
// level, message and the attributes. Each record is one Write.
func newJSONHandler(w *Writer, o ReporterOptions) slog.Handler {
	var stream io.Writer = w
	if w.Workflow {
		other := *w
		other.Workflow, stream = false, inertJSON(&other)
	}
	return &masking{slog.NewJSONHandler(stream, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: member}), o.Mask}
}

// member returns a member of the object: time, level and message as they are named here. An
// attribute with one of these names is left out.
func member(groups []string, a slog.Attr) slog.Attr {
	top := len(groups) == 0
	switch value := a.Value.Any().(type) {
	case time.Time:
		if top && a.Key == slog.TimeKey {
			return slog.Time(a.Key, value.UTC())
		}
	case slog.Level:
		return slog.String(a.Key, kindOf(value).name)
	}
	switch {
	case top && slices.Contains([]string{slog.TimeKey, slog.LevelKey, messageKey}, a.Key):
		return slog.Attr{}
	case top && a.Key == slog.MessageKey:
		a.Key = messageKey
	}
	return a
}
