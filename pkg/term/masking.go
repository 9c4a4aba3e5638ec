package term

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// masking is a handler that masks the texts of a record, keys and texts within values
// included, before the next handler encodes them: encoded, a secret may look different.
type masking struct {
	slog.Handler
	mask func(string) string
}

// Handle implements slog.Handler.
func (m *masking) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, m.mask(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(m.attr(a))
		return true
	})
	return m.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (m *masking) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &masking{m.Handler.WithAttrs(m.attrs(attrs)), m.mask}
}

// WithGroup implements slog.Handler.
func (m *masking) WithGroup(name string) slog.Handler {
	return &masking{m.Handler.WithGroup(m.mask(name)), m.mask}
}

func (m *masking) attr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: m.mask(a.Key), Value: m.value(a.Value.Resolve())}
}

func (m *masking) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = m.attr(a)
	}
	return clean
}

// value masks a resolved value. One that is not JSON becomes text.
func (m *masking) value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindGroup:
		return slog.GroupValue(m.attrs(v.Group())...)
	case slog.KindAny:
		return m.any(v.Any())
	}
	if text := v.String(); v.Kind() == slog.KindString || m.mask(text) != text {
		return slog.StringValue(m.mask(text))
	}
	return v
}

func (m *masking) any(v any) slog.Value {
	switch v := v.(type) {
	case slog.Level:
		return slog.AnyValue(v)
	case error:
		return slog.StringValue(m.mask(fmt.Sprint(v)))
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return slog.StringValue(m.mask(fmt.Sprint(v)))
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber() // numbers keep their digits
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return slog.StringValue(m.mask(string(doc)))
	}
	if tree, changed := m.tree(tree); changed {
		doc, _ = json.Marshal(tree) // it is of maps, lists and texts
	}
	if text := m.mask(string(doc)); text != string(doc) { // a secret that is itself JSON
		return slog.StringValue(text)
	}
	return slog.AnyValue(json.RawMessage(doc))
}

// tree masks a decoded JSON value, and reports whether it changed.
func (m *masking) tree(v any) (masked any, changed bool) {
	switch v := v.(type) {
	case string:
		return m.mask(v), m.mask(v) != v
	case json.Number:
		if text := m.mask(v.String()); text != v.String() {
			return text, true
		}
	case []any:
		for i := range v {
			item, other := m.tree(v[i])
			v[i], changed = item, changed || other
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			item, other := m.tree(value)
			clean[m.mask(name)], changed = item, changed || other || m.mask(name) != name
		}
		return clean, changed
	}
	return v, changed
}
