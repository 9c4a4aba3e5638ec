//go:build unix

package batch

import (
	"errors"
	"io"
	"os"
	"slices"
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
