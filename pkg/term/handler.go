package term

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/fatih/color"
)

// The levels of records in addition to those of slog. Requests and answers are
// slog.LevelDebug.
const (
	LevelHint = slog.LevelInfo + 1 // what to do next
	LevelText = slog.LevelWarn + 1 // text of an answer that goes to stderr, such as an agent's error
)

// The minimum levels: with --quiet, by default, and with --verbose.
const (
	Quiet   = LevelText
	Normal  = slog.LevelInfo
	Verbose = slog.LevelDebug
)

// HintKey is the attribute with the hint of an error.
const HintKey = "hint"

// HandlerOptions configure a handler.
type HandlerOptions struct {
	Level    slog.Level          // minimum
	Mask     func(string) string // masks secrets in text
	Color    bool
	Terminal bool // make control characters visible
}

// Enabled implements slog.Handler.
func (o *HandlerOptions) Enabled(_ context.Context, level slog.Level) bool { return level >= o.Level }

// kind is how the lines of a level look.
type kind struct {
	name  string
	paint color.Attribute // 0: none
	lead  bool            // begin the line with the name
}

func kindOf(level slog.Level) kind {
	switch {
	case level >= slog.LevelError:
		return kind{"error", color.FgRed, true}
	case level >= LevelText:
		return kind{"text", 0, false}
	case level >= slog.LevelWarn:
		return kind{"warning", color.FgYellow, true}
	case level >= LevelHint:
		return kind{"hint", color.FgCyan, true}
	case level >= slog.LevelInfo:
		return kind{"info", 0, false}
	}
	return kind{"debug", color.Faint, false}
}

// NewHandler returns a handler that writes lines for people: a record's message after its
// kind, such as "error:", and a hint on the next line. It ignores the other attributes. Each
// record is one Write.
func NewHandler(w io.Writer, o HandlerOptions) slog.Handler { return &people{o, w} }

type people struct {
	HandlerOptions
	w io.Writer
}

func (h *people) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *people) WithGroup(string) slog.Handler      { return h }

func (h *people) Handle(_ context.Context, r slog.Record) error {
	text := h.line(r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == HintKey {
			text += h.line(LevelHint, a.Value.String())
		}
		return true
	})
	_, err := io.WriteString(h.w, text)
	return err
}

func (h *people) line(level slog.Level, text string) string {
	if text = h.Mask(text); h.Terminal {
		text = Visible(text)
	}
	k := kindOf(level)
	if k.lead {
		return paint(k.name+":", k.paint, h.Color) + " " + text + "\n"
	}
	return paint(text, k.paint, h.Color) + "\n"
}

// paint colours text if on; the attribute 0 is none.
func paint(text string, attribute color.Attribute, on bool) string {
	if !on || attribute == 0 {
		return text
	}
	c := color.New(attribute)
	c.EnableColor()
	return c.Sprint(text)
}

// NewJSONHandler returns a handler that writes each record as a JSON object with time,
// level, message and the attributes, sorted by name. Each record is one Write.
func NewJSONHandler(w io.Writer, o HandlerOptions) slog.Handler {
	return &objects{HandlerOptions: o, w: w}
}

type objects struct {
	HandlerOptions
	w     io.Writer
	attrs []slog.Attr
}

func (h *objects) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &objects{h.HandlerOptions, h.w, slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler. It ignores the name.
func (h *objects) WithGroup(string) slog.Handler { return h }

func (h *objects) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	members := h.members(attrs)
	members["time"] = r.Time.UTC().Format(time.RFC3339Nano)
	members["level"], members["message"] = kindOf(r.Level).name, h.Mask(r.Message)
	line, err := json.Marshal(members)
	if err == nil {
		_, err = h.w.Write(append(line, '\n'))
	}
	return err
}

func (h *objects) members(attrs []slog.Attr) map[string]any {
	members := map[string]any{}
	for _, a := range attrs {
		members[a.Key] = h.member(a.Value)
	}
	return members
}

// member returns a value for the object. A value that is not JSON, or contains a secret,
// becomes text.
func (h *objects) member(v slog.Value) any {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return h.Mask(v.String())
	case slog.KindGroup:
		return h.members(v.Group())
	}
	if err, ok := v.Any().(error); ok {
		return h.Mask(err.Error())
	}
	doc, err := json.Marshal(v.Any())
	if err != nil || h.Mask(string(doc)) != string(doc) {
		return h.Mask(fmt.Sprint(v.Any()))
	}
	return json.RawMessage(doc)
}
