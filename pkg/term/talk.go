package term

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/fatih/color"
)

// Level is how much is said.
type Level int

// The levels: errors alone (-q), what happens too, what is sent and received too
// (-v).
const (
	Quiet Level = iota - 1
	Normal
	Verbose
)

// Options say how a Talk speaks.
type Options struct {
	Level    Level
	JSON     bool // one JSON object a line, with event and time
	Color    bool
	Terminal bool       // control characters are made visible
	Spinner  bool       // the terminal can draw one
	Width    func() int // of the terminal, in columns; nil: 80
	Now      func() time.Time
}

// Talk is what the program says on stderr: what happens, warnings, errors,
// hints. It is safe for use by several goroutines at once. Each message is one
// Write.
type Talk struct {
	options Options

	mu   sync.Mutex
	w    io.Writer
	wait *wait // the spinner that stands on the last line, if any
}

// NewTalk returns a Talk that writes to w.
func NewTalk(w io.Writer, o Options) *Talk {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Width == nil {
		o.Width = func() int { return 80 }
	}
	return &Talk{options: o, w: w}
}

// Verbose reports whether what is sent and received is said.
func (t *Talk) Verbose() bool { return t.options.Level >= Verbose }

// Detail says what -v asks for.
func (t *Talk) Detail(event, text string, fields ...slog.Attr) {
	t.say(Verbose, "debug", event, text, color.Faint, fields)
}

// Info says what happens.
func (t *Talk) Info(event, text string, fields ...slog.Attr) {
	t.say(Normal, "info", event, text, 0, fields)
}

// Warn says what is odd, and what is done about it.
func (t *Talk) Warn(event, text string, fields ...slog.Attr) {
	t.say(Normal, "warning", event, text, color.FgYellow, fields)
}

// Error says what failed, and with a hint, if there is one, what to do next.
// Quiet does not hold it back.
func (t *Talk) Error(event, text, hint string, fields ...slog.Attr) {
	if hint != "" && t.options.JSON {
		fields = append(fields, slog.Any("hint", hint))
	}
	t.say(Quiet, "error", event, text, color.FgRed, fields)
	if hint != "" && !t.options.JSON {
		t.say(Quiet, "hint", event, hint, color.FgCyan, nil)
	}
}

// Hint says what to do next where nothing failed.
func (t *Talk) Hint(text string) { t.say(Normal, "hint", "hint", text, color.FgCyan, nil) }

// Text says, on a line of its own, text that is the answer in all but its
// stream: an agent's error. Quiet does not hold it back.
func (t *Talk) Text(event, text string, fields ...slog.Attr) {
	t.say(Quiet, "text", event, text, 0, fields)
}

// Over returns a writer to w, which may be the same terminal: the spinner is out
// of the way while it writes.
func (t *Talk) Over(w io.Writer) io.Writer { return &over{t, w} }

type over struct {
	talk *Talk
	w    io.Writer
}

// Write implements io.Writer.
func (o *over) Write(p []byte) (int, error) {
	if !o.talk.options.Spinner {
		return o.w.Write(p)
	}
	o.talk.mu.Lock()
	if o.talk.wait == nil { // a writer that stalls must not hold those who talk
		o.talk.mu.Unlock()
		return o.w.Write(p)
	}
	defer o.talk.mu.Unlock()
	_, _ = io.WriteString(o.talk.w, clearLine)
	defer o.talk.wait.draw()
	return o.w.Write(p)
}

func (t *Talk) say(level Level, kind, event, text string, paint color.Attribute, fields []slog.Attr) {
	if t.options.Level < level {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var line string
	if t.options.JSON {
		line = t.object(kind, event, text, fields)
	} else {
		line = t.line(kind, text, paint)
	}
	if t.wait != nil {
		line = clearLine + line
	}
	_, _ = io.WriteString(t.w, line+"\n") // nobody is left to tell of a broken stderr
	if t.wait != nil {
		t.wait.draw()
	}
}

func (t *Talk) line(kind, text string, paint color.Attribute) string {
	if t.options.Terminal {
		text = Visible(text)
	}
	c := color.New(paint)
	c.DisableColor()
	if t.options.Color && paint != 0 {
		c.EnableColor()
	}
	switch kind {
	case "warning", "error", "hint":
		return c.Sprint(kind+":") + " " + text
	case "debug":
		return c.Sprint(text)
	}
	return text
}

func (t *Talk) object(kind, event, text string, fields []slog.Attr) string {
	members := map[string]any{}
	for _, f := range fields {
		members[f.Key] = f.Value.Any()
	}
	members["time"] = t.options.Now().UTC().Format(time.RFC3339Nano)
	members["level"], members["event"], members["message"] = kind, event, text
	b, err := json.Marshal(members)
	if err != nil {
		return fmt.Sprintf(`{"event":%q,"level":"error","message":"a message could not be written as JSON"}`, event)
	}
	return string(b)
}
