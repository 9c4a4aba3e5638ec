package term

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// workflowCommand is a workflow command with its data.
type workflowCommand struct{ Name, Properties, Data string }

// workflowCommands reads the log of a step as the runner of GitHub Actions does it, in
// OutputManager.cs and ActionCommand.cs.
func workflowCommands(log string) (list []workflowCommand) {
	for _, line := range regexp.MustCompile("\r\n|\r|\n").Split(log, -1) {
		if c, ok := newCommand(line); ok {
			list = append(list, c)
		} else if c, ok := oldCommand(line); ok {
			list = append(list, c)
		}
	}
	return list
}

// newCommand is TryParseV2.
func newCommand(line string) (c workflowCommand, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::")
	info, data, closed := strings.Cut(line, "::")
	name, properties, _ := strings.Cut(info, " ")
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	return workflowCommand{name, properties, unescape.Replace(data)}, ok && closed && registered(name)
}

// oldCommand is TryParse.
func oldCommand(line string) (c workflowCommand, ok bool) {
	_, line, ok = strings.Cut(line, "##[")
	info, data, closed := strings.Cut(line, "]")
	name, properties, _ := strings.Cut(info, " ")
	return workflowCommand{name, properties, data}, ok && closed && registered(name)
}

func registered(name string) bool {
	return regexp.MustCompile(`(?i)^(add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state|set-env|set-output|stop-commands|warning)$`).MatchString(name)
}

func TestErrorsAndWarningsInTheLogOfAWorkflowAreAnnotations(t *testing.T) {
	var b writes
	h := newHandler(&Writer{W: &b, Workflow: true, Color: true}, ReporterOptions{Level: Verbose, Mask: masked})
	for _, r := range each() {
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := "\x1b[2mdetail\x1b[22m\ninfo\n\x1b[36mhint:\x1b[0m do that\n::warning title=narada::warn ^[\nthe agent's\nwords\n::error title=narada::failed%0Ahint: do this\n"
	if got := b.text.String(); got != want || b.count != len(each()) {
		t.Errorf("got %q in %d writes, want %q", got, b.count, want)
	}
}

func TestAnAnnotationHasItsTextWhole(t *testing.T) {
	for _, text := range []string{
		"50% of a:b,c", "%0A::set-output name=x::y", "%250A", "a\r\nb\rc\n::stop-commands::x", "##[error]x;]", "", "s3cret", "::error::x",
	} {
		var b bytes.Buffer
		NewReporter(ReporterOptions{Screen: &Screen{W: &Writer{W: &b, Workflow: true}}, Mask: masked}).Error("e", text, "")
		want := []workflowCommand{{"error", "title=narada", Visible(masked(text))}}
		if diff := cmp.Diff(want, workflowCommands(b.String())); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestTextIsNoWorkflowCommand(t *testing.T) {
	for text, want := range map[string]string{
		"::error::x":                       `::\error::x`,
		"a::b ##x [c] a ::error::":         `a::b ##x [c] a ::error::`,
		" \t\u00a0\ufeff::add-mask::x":     " \t\u00a0\ufeff" + `::\add-mask::x`,
		"a\n\r\n::group::b\r ::endgroup::": "a\n\r\n" + `::\group::b` + "\r " + `::\endgroup::`,
		"a ##[stop-commands]b":             `a ##[\stop-commands]b`,
		"::::error::":                      `::\::error::`,
	} {
		var b bytes.Buffer
		if n, err := (&Writer{W: &b, Workflow: true}).Write([]byte(text)); b.String() != want || n != len(text) || err != nil {
			t.Errorf("%q: got %q (%d, %v), want %q", text, b.String(), n, err, want)
		}
		if (&Writer{}).safe(text) != text {
			t.Errorf("%q is not the same elsewhere", text)
		}
	}
}

// FuzzTextIsNoWorkflowCommand writes a text in every way in which text reaches stderr.
func FuzzTextIsNoWorkflowCommand(f *testing.F) {
	for _, text := range []string{"::error::x", "##[add-mask]x", "\r::set-output name=a::b", "%0A::stop-commands::x", ":", "::", "##", "[error]", "\u2028::debug::x", "\x85::debug::x", "\xff::debug::"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		w := &Writer{W: &b, Workflow: true}
		o := ReporterOptions{Screen: &Screen{W: w}, Level: Verbose, Mask: plain}
		_, _ = w.Write([]byte(text + "\n"))
		r := NewReporter(o)
		r.Info("e", text)
		r.Hint(text)
		r.Text("e", text)
		r.Detail("e", text)
		r.Logger("library").Info(text, text, text)
		if got := workflowCommands(b.String()); len(got) > 0 {
			t.Fatalf("%q gives %q in %q", text, got, b.String())
		}
		b.Reset()
		r.Warn("e", text)
		if diff := cmp.Diff([]workflowCommand{{"warning", "title=narada", Visible(text)}}, workflowCommands(b.String())); diff != "" {
			t.Fatal(diff)
		}
		b.Reset()
		o.JSON = true
		NewReporter(o).Error("e", text, "")
		var record struct{ Message string }
		if err := json.Unmarshal(b.Bytes(), &record); err != nil || record.Message != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(record.Message, "\ufffd") {
			t.Fatalf("%q: %q, %v", text, record.Message, err)
		}
		if got := workflowCommands(b.String()); len(got) > 0 {
			t.Fatalf("%q gives %q in %q", text, got, b.String())
		}
	})
}
