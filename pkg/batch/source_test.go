package batch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/secret"
)

func linesOf(s *source) (prompts []string, err error) {
	for l, e := range s.lines() {
		if err = e; e == nil {
			prompts = append(prompts, l.Prompt)
		}
	}
	return prompts, err
}

// An input from a pipe is copied to a temporary file.
func TestAnInputCanBeReadRepeatedly(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary) // on Windows
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, "-"} {
		s, err := openSource(t.Context(), Input{Format: Text}, name, strings.NewReader("a\nb\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			prompts, err := linesOf(s)
			if diff := cmp.Diff([]string{"a", "b"}, prompts); diff != "" || err != nil {
				t.Errorf("%s: %s, %v", name, diff, err)
			}
		}
		s.close()
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("copies are left: %v, %v", left, err)
	}
}

func TestAnInputThatCannotBeReadIsRefused(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary) // on Windows
	dir := t.TempDir()
	wrong := errors.New("wrong")
	for name, test := range map[string]struct {
		path  string
		stdin io.Reader
		want  string
	}{
		"no file":          {filepath.Join(dir, "none"), nil, filepath.Join(dir, "none") + ": no such file or directory"},
		"a folder":         {dir, nil, dir + ": is a folder"},
		"stdin that fails": {"-", &failing{wrong}, "stdin: wrong"},
	} {
		_, err := openSource(t.Context(), Input{Format: Text}, test.path, test.stdin, nil)
		if _, ok := errors.AsType[*InputError](err); !ok || err.Error() != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("copies are left: %v, %v", left, err)
	}
}

// All errors are reported before anything is sent.
func TestOpenChecksAllLines(t *testing.T) {
	w := newWorld(t)
	w.name = "jobs.jsonl"
	o := w.options(`"one"
{"prompt": 5}
{bad
{"prompt": "a", "browserWindowId": "W"}
{"prompt": "a", "cloudBrowserSessionId": "sess1"}
{"prompt": "s", "executionMode": "client"}
`)
	o.Windows = []string{"A"}
	_, err := Open(t.Context(), o)
	if failure, ok := errors.AsType[*InputError](err); !ok || failure.Err.Error() != "4 of 6 lines cannot be sent; nothing was sent" {
		t.Errorf("got %v", err)
	}
	var rejected []int
	for _, e := range w.events {
		if e, ok := e.(LinesRejected); ok {
			rejected = append(rejected, e.Problem.First...)
		}
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5}, rejected); diff != "" {
		t.Error(diff)
	}
	o = w.options("\n  \n")
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrNoTask) {
		t.Errorf("got %v", err)
	}
	o = w.options(`{bad`)
	if _, err := Open(t.Context(), o); err == nil || !strings.HasSuffix(err.Error(), ": 1 of 1 lines cannot be sent; nothing was sent") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if _, err := Open(ctx, w.options(`"one"`)); err != interrupted {
		t.Errorf("got %v", err)
	}
}

func TestOpenReportsWarningsAndHidesSecrets(t *testing.T) {
	w := newWorld(t)
	w.name = "jobs.jsonl"
	o := w.options(strings.Repeat(`{"prompt": "a", "secretVariables": {"p": "hunter2"}, "shade": 1}`+"\n", 2500))
	hidden := 0
	o.Hide = func(list ...secret.String) {
		if hidden += len(list); len(w.events) > 0 {
			t.Error("a secret was hidden after a report")
		}
	}
	w.open(o)
	if hidden == 0 {
		t.Error("no secret was hidden")
	}
	var warned []string
	for _, e := range w.events {
		warned = append(warned, e.(LinesWarned).Problem.String())
	}
	if want := []string{`2,500 lines: unknown field "shade" is sent unchanged: lines 1, 2, 3 and 2,497 more`}; cmp.Diff(want, warned) != "" {
		t.Error(cmp.Diff(want, warned))
	}
}

// Nothing is sent.
func TestAPreviewPrintsTheMaskedRequests(t *testing.T) {
	w := newWorld(t)
	b := w.open(w.options("one\ntwo\n"))
	if err := b.Preview(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(w.out.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[1], `{"prompt":"two"}`) {
		t.Error(w.out.String())
	}
	if len(w.sent) > 0 {
		t.Errorf("sent %q", w.sent)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if err := b.Preview(ctx); !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
}

// rewriting is an engine that calls do when a task is sent.
type rewriting struct {
	*world
	do func()
}

func (r rewriting) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	r.do()
	return r.world.Run(ctx, j)
}

// No line is sent that was not checked.
func TestAnInputThatChangesWhileItIsReadEndsTheRun(t *testing.T) {
	text := strings.Repeat("good 0s\n", 20_000) // more than is read at once
	for name, test := range map[string]struct {
		before, during string // what it becomes
		most           int    // sent
	}{
		"before the sending": {text + "good 1s\n", "", 0},
		"during the sending": {"", text + strings.Repeat("good 0s\n", 3), 20_000},
		"to less":            {"", "good 0s\n", 19_999},
		"to something else":  {"", strings.Repeat("good 1s\n", 20_000), 19_999},
	} {
		w := newWorld(t)
		o := w.options(text)
		o.Concurrency = 1
		b := w.open(o)
		if test.before != "" {
			w.write(w.name, test.before)
		}
		backend := w.backend()
		written := false
		backend.Open = func(context.Context, func(*await.Options)) (Engine, error) {
			return rewriting{w, func() {
				if !written && test.during != "" {
					w.write(w.name, test.during)
				}
				written = true
			}}, nil
		}
		v, err := b.Run(t.Context(), backend)
		if err != nil {
			t.Fatal(err)
		}
		if v.Ending != Broken || !errors.Is(v.Err, ErrInputChanged) {
			t.Errorf("%s: %+v", name, v)
		}
		if sent := len(w.sent); sent > test.most || test.before == "" && sent == 0 {
			t.Errorf("%s: %d were sent", name, sent)
		}
	}
}
