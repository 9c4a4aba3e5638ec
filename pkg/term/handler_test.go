package term

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func plain(text string) string { return text }

func masked(text string) string { return strings.ReplaceAll(text, "s3cret", "***") }

// record returns a record of 2 January 2026, in a time zone other than UTC.
func record(level slog.Level, text string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Date(2026, 1, 2, 5, 4, 5, 6000, time.FixedZone("", 2*3600)), level, text, 0)
	r.AddAttrs(attrs...)
	return r
}

// each returns a record of every level.
func each() []slog.Record {
	return []slog.Record{
		record(slog.LevelDebug, "detail", slog.String("event", "d")),
		record(slog.LevelInfo, "info", slog.String("event", "i"), slog.String("requestId", "req_1")),
		record(levelHint, "do that", slog.String("event", "hint")),
		record(slog.LevelWarn, "warn \x1b", slog.String("event", "w")),
		record(levelText, "the agent's\nwords", slog.String("event", "t")),
		record(slog.LevelError, "failed", slog.String("event", "e"), slog.String(hintKey, "do this"), slog.Int("exitCode", 2)),
	}
}

// writes counts the calls of Write.
type writes struct {
	text  bytes.Buffer
	count int
}

func (w *writes) Write(p []byte) (int, error) {
	w.count++
	return w.text.Write(p)
}

func (w *writes) String() string { return w.text.String() }

func written(t *testing.T, h slog.Handler, w *writes, records ...slog.Record) string {
	t.Helper()
	said := 0
	for _, r := range records {
		if !h.Enabled(context.Background(), r.Level) {
			continue
		}
		said++
		if err := h.Handle(context.Background(), r); err != nil {
			t.Error(err)
		}
	}
	if w.count != said {
		t.Errorf("%d records in %d writes", said, w.count)
	}
	return w.String()
}

func TestTextHandlerWritesLines(t *testing.T) {
	tests := []struct {
		name string
		o    ReporterOptions
		want string
	}{
		{"normal", ReporterOptions{Level: Normal}, "info\nhint: do that\nwarning: warn \x1b\nthe agent's\nwords\nerror: failed\nhint: do this\n"},
		{"quiet", ReporterOptions{Level: Quiet}, "the agent's\nwords\nerror: failed\nhint: do this\n"},
		{"verbose, in colour", ReporterOptions{Level: Verbose},
			"\x1b[2mdetail\x1b[22m\ninfo\n\x1b[36mhint:\x1b[0m do that\n\x1b[33mwarning:\x1b[0m warn \x1b\nthe agent's\nwords\n\x1b[31merror:\x1b[0m failed\n\x1b[36mhint:\x1b[0m do this\n"},
		{"on a terminal", ReporterOptions{Level: Normal}, "info\nhint: do that\nwarning: warn ^[\nthe agent's\nwords\nerror: failed\nhint: do this\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Mask = plain
			var w writes
			to := &Writer{W: &w, Terminal: tt.name == "on a terminal", Color: strings.HasSuffix(tt.name, "in colour")}
			if diff := cmp.Diff(tt.want, written(t, newHandler(to, tt.o), &w, each()...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONHandlerWritesOneObjectPerRecord(t *testing.T) {
	const at = `{"time":"2026-01-02T03:04:05.000006Z","level":`
	lines := []string{
		at + `"debug","message":"detail","event":"d"}` + "\n",
		at + `"info","message":"info","event":"i","requestId":"req_1"}` + "\n",
		at + `"hint","message":"do that","event":"hint"}` + "\n",
		at + `"warning","message":"warn \u001b","event":"w"}` + "\n",
		at + `"text","message":"the agent's\nwords","event":"t"}` + "\n",
		at + `"error","message":"failed","event":"e","hint":"do this","exitCode":2}` + "\n",
	}
	for _, tt := range []struct {
		name  string
		level slog.Level
		want  []string
	}{{"verbose", Verbose, lines}, {"normal", Normal, lines[1:]}, {"quiet", Quiet, lines[4:]}} {
		var w writes
		got := written(t, newJSONHandler(&Writer{W: &w, Terminal: true, Color: true}, ReporterOptions{Level: tt.level, Mask: plain}), &w, each()...)
		if diff := cmp.Diff(strings.Join(tt.want, ""), got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestJSONHandlerWritesAttributesAsMembers(t *testing.T) {
	type status string
	for _, tt := range []struct {
		name string
		attr slog.Attr
		want string
	}{
		{"text", slog.String("a", "<x> s3cret"), `"a":"<x> ***"`},
		{"a number", slog.Any("a", 1.5), `"a":1.5`},
		{"an integer", slog.Any("a", int64(1)<<53+1), `"a":9007199254740993`},
		{"a boolean", slog.Bool("a", true), `"a":true`},
		{"null", slog.Any("a", nil), `"a":null`},
		{"a string type", slog.Any("a", status("success")), `"a":"success"`},
		{"a string type with a secret", slog.Any("a", status("s3cret")), `"a":"***"`},
		{"a map", slog.Any("a", map[string]int{"b": 1}), `"a":{"b":1}`},
		{"a list with a secret", slog.Any("a", []string{"x", "s3cret"}), `"a":["x","***"]`},
		{"an error", slog.Any("a", errors.New("it is s3cret")), `"a":"it is ***"`},
		{"a group", slog.Group("a", slog.String("b", "s3cret"), slog.Int("c", 1)), `"a":{"b":"***","c":1}`},
		{"a LogValuer", slog.Any("a", ownText{}), `"a":"hidden"`},
		{"not JSON", slog.Any("a", chan int(nil)), `"a":"<nil>"`},
	} {
		var w writes
		got := written(t, newJSONHandler(&Writer{W: &w}, ReporterOptions{Mask: masked}), &w, record(slog.LevelInfo, "s3cret", tt.attr))
		if want := `{"time":"2026-01-02T03:04:05.000006Z","level":"info","message":"***",` + tt.want + "}\n"; got != want {
			t.Errorf("%s:\ngot  %swant %s", tt.name, got, want)
		}
	}
}

type ownText struct{}

func (ownText) LogValue() slog.Value { return slog.StringValue("hidden") }

func TestHandlersTakeAttributesOfALogger(t *testing.T) {
	var people, objects writes
	for _, h := range []slog.Handler{newHandler(&Writer{W: &people}, ReporterOptions{Mask: masked}), newJSONHandler(&Writer{W: &objects}, ReporterOptions{Mask: masked})} {
		log := slog.New(h)
		with := log.With("a", "s3cret", "time", "never").WithGroup("s3cret").With("b", 1)
		with.Info("one", "c", 2)
		log.Info("two")
	}
	if got := people.String(); got != "one\ntwo\n" {
		t.Errorf("text: %q", got)
	}
	lines := strings.Split(objects.String(), "\n")
	for i, want := range []map[string]any{{"a": "***", "***": map[string]any{"b": 1., "c": 2.}, "level": "info", "message": "one"}, {"level": "info", "message": "two"}} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if at, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil || time.Since(at) > time.Minute || at.Location() != time.UTC {
			t.Errorf("time %v, %v", got["time"], err)
		}
		delete(got, "time")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHintsAreMaskedAndMadeVisible(t *testing.T) {
	var w writes
	h := newHandler(&Writer{W: &w, Terminal: true}, ReporterOptions{Mask: masked})
	if got := written(t, h, &w, record(slog.LevelError, "s3cret\r", slog.String(hintKey, "not s3cret\r"))); got != "error: ***^M\nhint: not ***^M\n" {
		t.Errorf("got %q", got)
	}
}

func TestTheStatusThatALineBeginsWithIsColoured(t *testing.T) {
	for want, r := range map[string]slog.Record{
		"\x1b[32m200\x1b[0m POST http://x\n":                         record(slog.LevelInfo, "200 POST http://x", slog.Any("status", 200)),
		"\x1b[33mwarning:\x1b[0m \x1b[31m401\x1b[0m POST http://x\n": record(slog.LevelWarn, "401 POST http://x", slog.Any("status", 401)),
		"a refused one: 401\n":                                       record(slog.LevelInfo, "a refused one: 401", slog.Any("status", 401)),
		"2000 things\n":                                              record(slog.LevelInfo, "2000 things", slog.Any("status", 200)),
	} {
		var w writes
		if got := written(t, newHandler(&Writer{W: &w, Color: true}, ReporterOptions{Level: Normal, Mask: plain}), &w, r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
