package term_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/secret/secrettest"
	"github.com/narada-cli/narada/pkg/term"
)

// texts are values that contain a text in every way in which an attribute can.
func texts(text string) map[string]slog.Attr {
	doc, _ := json.Marshal(map[string]any{"a": []string{text}, text: 1})
	return map[string]slog.Attr{
		"a string":           slog.String("a", text),
		"a string type":      slog.Any("a", stringType(text)),
		"an error":           slog.Any("a", fmt.Errorf("failed: %w", errors.New(text))),
		"a nil error":        slog.Any("a", (*pointerError)(nil)),
		"a Stringer":         slog.Any("a", stringer{text}),
		"a TextMarshaler":    slog.Any("a", textMarshaler{text}),
		"a LogValuer":        slog.Any("a", valuer{text}),
		"a LogValuer's list": slog.Any("a", valuer{[]string{text}}),
		"bytes":              slog.Any("a", []byte(text)),
		"a list":             slog.Any("a", []any{1, []string{text}}),
		"a map":              slog.Any("a", map[string]any{"b": map[string]string{"c": text}}),
		"a map's key":        slog.Any("a", map[string]int{text: 1}),
		"a struct":           slog.Any("a", struct{ B *string }{&text}),
		"a group":            slog.Group("a", slog.Group("b", slog.String("c", text))),
		"a group's key":      slog.Group(text, slog.Int("b", 1)),
		"an attribute's key": slog.Int(text, 1),
		"raw JSON":           slog.Any("a", json.RawMessage(doc)),
		"JSON with escapes":  slog.Any("a", json.RawMessage(`{"a":"`+secrettest.Forms()["JSON in ASCII"](text)+`"}`)),
		"invalid raw JSON":   slog.Any("a", json.RawMessage(text)),
		"not JSON":           slog.Any("a", map[string]any{"b": func() {}, "c": text}),
	}
}

type (
	stringType    string
	stringer      struct{ text string }
	textMarshaler struct{ text string }
	valuer        struct{ v any }
	pointerError  struct{ text string }
)

func (e *pointerError) Error() string                { return e.text }
func (s stringer) String() string                    { return s.text }
func (m textMarshaler) MarshalText() ([]byte, error) { return []byte(m.text), nil }
func (v valuer) LogValue() slog.Value                { return slog.AnyValue(v.v) }

// Each form of a secret, in each kind of value, is masked in each format: what the format
// does to it comes later.
func TestEveryAttributeIsMaskedBeforeItIsEncoded(t *testing.T) {
	const value = "s3cret\"<\\\n\x7f\u2028é>&/"
	masker := secret.NewMasker(term.OneLine, term.Visible)
	masker.Hide(secret.New(value))
	for form, write := range secrettest.Forms() {
		for kind, attr := range texts(write(value)) {
			for _, asJSON := range []bool{true, false} {
				var b bytes.Buffer
				r := term.NewReporter(term.ReporterOptions{
					Screen: &term.Screen{W: &term.Writer{W: &b}}, Level: term.Verbose, JSON: asJSON, Mask: masker.Mask,
				})
				r.Detail(attr.Key, write(value), attr)
				library := r.Logger("library")
				library.Info(write(value), attr)
				library.With(attr).WithGroup(write(value)).Info("grouped", attr)
				for line := range strings.Lines(b.String()) {
					if asJSON && !json.Valid([]byte(line)) {
						t.Errorf("%s, %s: it is not JSON: %s", form, kind, line)
					}
					// The encoded line, and the texts that a reader of it decodes.
					if secrettest.Reveals(line, value) || strings.Contains(line, "s3cret") {
						t.Errorf("%s, %s: %s", form, kind, line)
					}
				}
			}
		}
	}
}

// A number may be a secret, too.
func TestNumbersThatAreSecretsAreMasked(t *testing.T) {
	var b bytes.Buffer
	masker := secret.NewMasker()
	masker.Hide(secret.New("12345678"))
	r := term.NewReporter(term.ReporterOptions{Screen: &term.Screen{W: &term.Writer{W: &b}}, JSON: true, Mask: masker.Mask})
	r.Info("e", "x", slog.Int("a", 12345678), slog.Any("b", []int{12345678, 1}), slog.Any("c", map[string]int64{"d": 1<<53 + 1}))
	if want := `"a":"***","b":["***",1],"c":{"d":9007199254740993}}` + "\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %s", b.String())
	}
}
