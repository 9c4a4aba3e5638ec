//go:build unix

package batch

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// They are not replaced by a file.
func TestResultsAreWrittenToPipesAndDevices(t *testing.T) {
	w := newWorld(t)
	if err := syscall.Mkfifo(w.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		f, err := os.Open(w.path("pipe"))
		if err != nil {
			t.Error(err)
		}
		defer f.Close()
		text, _ := io.ReadAll(f)
		read <- string(text)
	}()
	w.resultsIn("pipe", "good 0s\nbad 0s\n", func(o *Options) { o.Concurrency = 1 })
	if diff := cmp.Diff([]string{"1 success", "2 error"}, printed(t, <-read)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Lstat(w.path("pipe")); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("%v, %v", info, err)
	}
	o := w.options("good 0s\n")
	o.Results = os.DevNull
	if v := w.run(o); v.Ending != AllSucceeded {
		t.Errorf("%+v", v)
	}
}

// Whoever made the link would choose what is written to.
func TestALinkOutOfItsFolderToAPipeOrADeviceIsRefused(t *testing.T) {
	w := newWorld(t)
	w.mkdir("repository")
	if err := syscall.Mkfifo(w.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"../pipe", os.DevNull, "/dev/full"} {
		link := w.path("repository/out.jsonl")
		if err := errors.Join(os.RemoveAll(link), os.Symlink(target, link)); err != nil {
			t.Fatal(err)
		}
		o := w.options("good 0s\n")
		o.Results = link
		_, err := Open(t.Context(), o)
		if failure, ok := errors.AsType[*ResultsError](err); !ok || !failure.Usage || !strings.Contains(err.Error(), "it is a link out of its folder") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// A pipe may be replaced by a link to a file between the look at it and the opening.
func TestOnlyAPipeOrADeviceIsAppendedTo(t *testing.T) {
	w := newWorld(t)
	w.write("file", "what was there\n")
	if f, err := openDevice(t.Context(), w.path("file")); err == nil {
		t.Errorf("it was opened: %v", f.Close())
	}
}

// A pipe without another side would wait for ever.
func TestAPipeWithoutAnotherSideEndsWithTheContextOrTheTimeLimit(t *testing.T) {
	interrupted := errors.New("interrupted")
	for name, limit := range map[string]time.Duration{"the context": time.Hour, "the time limit": time.Millisecond} {
		for _, what := range []string{"input", "results"} {
			w := newWorld(t)
			if err := syscall.Mkfifo(w.path("pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			o := w.options("good 0s\n")
			o.Timeout = limit
			ctx, cancel := context.WithCancelCause(t.Context())
			want, flag := ErrTimeLimit, os.O_WRONLY
			if limit == time.Hour {
				want = interrupted
				time.AfterFunc(time.Millisecond, func() { cancel(interrupted) })
			}
			var err error
			if what == "input" {
				o.Path = w.path("pipe")
				_, err = Open(ctx, o)
			} else {
				o.Results, flag = w.path("pipe"), os.O_RDONLY
				b := w.open(o)
				_, err = b.Run(ctx, w.backend())
			}
			if !errors.Is(err, want) || len(w.sent) > 0 {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if other, err := os.OpenFile(w.path("pipe"), flag, 0); err != nil { // ends the abandoned open
				t.Error(err)
			} else {
				_ = other.Close()
			}
			cancel(nil)
		}
	}
}

// The other side of this one is open, but nothing is written.
func TestAReadUnderWayEndsWithTheContext(t *testing.T) {
	w := newWorld(t)
	r, wr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := w.options("good 0s\n")
	o.Path, o.Stdin = "-", r
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	time.AfterFunc(time.Millisecond, func() { cancel(interrupted) })
	if _, err := Open(ctx, o); err != interrupted {
		t.Errorf("got %v", err)
	}
	_ = wr.Close() // ends the abandoned read
}

func TestAnInputMayBeAPipe(t *testing.T) {
	w := newWorld(t)
	if err := syscall.Mkfifo(w.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { w.write("pipe", "good 0s\nbad 0s\n") }()
	o := w.options("")
	o.Path = w.path("pipe")
	if v := w.run(o); v.Tally.Ended != 2 {
		t.Errorf("%+v", v)
	}
}

// A link to one does not hang either.
func TestADeviceWithoutAnEndIsRefused(t *testing.T) {
	const zero = "/dev/zero"
	device, err := os.Open(zero)
	if err != nil {
		t.Skip("there is no " + zero)
	}
	defer device.Close()
	info, err := device.Stat()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	if err := os.Symlink(zero, w.path("link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		zero: zero + ": is a device", w.path("link"): w.path("link") + ": is a device", "-": "stdin: larger than 64 MiB: save it as a file",
	} {
		o := w.options("")
		o.Path, o.Stdin, o.StdinFile = path, device, info
		_, err := Open(t.Context(), o)
		if failure, ok := errors.AsType[*InputError](err); !ok || failure.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The error of closing it is not reported too.
func TestAFullDeviceIsReportedOnce(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("there is no " + full)
	}
	w := newWorld(t)
	o := w.options("good 0s\n")
	o.Results = full
	v := w.run(o)
	failure, ok := errors.AsType[*ResultsError](v.Err)
	if v.Ending != Broken || !ok || failure.Usage || failure.Error() != full+": no space left on device" {
		t.Errorf("%+v", v)
	}
}

func TestIncompleteResultsAreReportedAfterAnInterrupt(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("there is no " + full)
	}
	inWorld(t, func(w *world) {
		o := w.options("good 1m\ngood 1m\n")
		o.Results, o.Concurrency = full, 1
		time.AfterFunc(time.Second, func() { close(w.interrupt) })
		v := w.run(o)
		wantEnding(w.t, v, Interrupted, ErrInterrupted)
		if !slices.ContainsFunc(w.events, func(e Event) bool { _, ok := e.(ResultsIncomplete); return ok }) {
			t.Errorf("reported %+v", w.events)
		}
	})
}
