package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStringNeverPrintsItsValue(t *testing.T) {
	s := New("hunter2-hunter2")
	holder := struct{ Key String }{s}
	c := NewCredentials(s, http.Header{"Authorization": {"Bearer hunter2-hunter2"}})
	private := struct {
		key         String
		credentials Credentials
	}{s, c}
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, holder, []String{s}, private, &private, c, &c, []Credentials{c}} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "hunter2") || strings.Contains(got, "68756e") {
				t.Errorf("Sprintf(%q) of %T shows the value: %s", format, v, got)
			}
		}
	}
	b, err := json.Marshal(holder)
	if err != nil || string(b) != `{"Key":"***"}` {
		t.Errorf("json.Marshal = %s, %v", b, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "credentials", c, "both", private)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s, "credentials", c, "both", holder)
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("slog shows the value: %s", &log)
	}
	if b, err := json.Marshal([]any{c}); err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("json.Marshal = %s, %v", b, err)
	}
	if !s.Equal(New("hunter2-hunter2")) || s.Equal(New("hunter2")) || s.Equal(String{}) || !(String{}).Equal(New("")) {
		t.Error("Equal is wrong")
	}
	if s.Reveal() != "hunter2-hunter2" || s.Empty() || !(String{}).Empty() || (String{}).String() != "" {
		t.Error("Reveal, Empty or String of the empty secret is wrong")
	}
}

func TestSourceResolvesReferences(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	env := map[string]string{"TOKEN": "from-env", "BLANK": ""}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	tests := []struct {
		name, ref, stdin, want, err string
	}{
		{name: "environment", ref: "env:TOKEN", want: "from-env"},
		{name: "unset variable", ref: "env:NOPE", err: "environment variable NOPE is not set"},
		{name: "empty variable", ref: "env:BLANK", err: "environment variable BLANK is empty"},
		{name: "variable without a name", ref: "env:", err: "env: expected the name"},
		{name: "file", ref: file("plain", "from-file"), want: "from-file"},
		{name: "file with a newline", ref: file("lf", "from-file\n"), want: "from-file"},
		{name: "file with a Windows newline", ref: file("crlf", "from-file\r\n"), want: "from-file"},
		{name: "one newline only is cut", ref: file("two", "from-file\n\n"), want: "from-file\n"},
		{name: "byte order mark", ref: file("bom", "\ufefffrom-file"), want: "from-file"},
		{name: "invalid UTF-8", ref: file("latin1", "caf\xe9"), err: "not UTF-8 text"},
		{name: "empty file", ref: file("empty", "\n"), err: "is empty"},
		{name: "huge file", ref: file("huge", strings.Repeat("x", maxSize+1)), err: "larger than"},
		{name: "missing file", ref: "file:" + filepath.Join(dir, "none"), err: "no such file"},
		{name: "standard input", ref: "-", stdin: "from-stdin\n", want: "from-stdin"},
		{name: "empty standard input", ref: "-", err: "is empty"},
		{name: "literal", ref: "s3cr3t-value", err: ErrLiteral.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := &Source{Lookup: lookup, Stdin: strings.NewReader(tt.stdin)}
			got, err := source.Resolve("name", tt.ref)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				if strings.Contains(err.Error(), "s3cr3t") {
					t.Fatalf("the error repeats the literal: %v", err)
				}
				return
			}
			if err != nil || got.Reveal() != tt.want {
				t.Fatalf("got %q, %v, want %q", got.Reveal(), err, tt.want)
			}
		})
	}
	if _, err := (&Source{}).Resolve("name", "literal"); !errors.Is(err, ErrLiteral) {
		t.Errorf("a literal: %v", err)
	}
}

func TestStandardInputIsReadOnce(t *testing.T) {
	source := &Source{Stdin: strings.NewReader("a")}
	if _, err := source.Resolve("name", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Resolve("name", "-"); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the second -: %v", err)
	}
}

func TestASecretIsAskedForOnATerminal(t *testing.T) {
	ctx, failed := t.Context(), errors.New("nothing was typed")
	source := &Source{Context: ctx, Stdin: strings.NewReader("not this"), Ask: func(got context.Context, name string) (string, error) {
		if got != ctx || name != "api-key" {
			t.Errorf("it asks for %s", name)
		}
		return "typed", nil
	}}
	if s, err := source.Resolve("api-key", "-"); err != nil || s.Reveal() != "typed" {
		t.Errorf("got %q, %v", s.Reveal(), err)
	}
	if _, err := source.Resolve("api-key", "-"); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the second -: %v", err)
	}
	source = &Source{Ask: func(context.Context, string) (string, error) { return "", failed }}
	if _, err := source.Resolve("api-key", "-"); err != failed {
		t.Errorf("got %v", err)
	}
}
