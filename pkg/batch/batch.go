// Package batch runs the tasks of an input file concurrently, at a limited rate, and each
// only once, however often the run is stopped and resumed.
//
// Open checks the whole input before anything is sent. Batch.Run looks the batch up in the
// store, compares its input with that of the last run, waits for tasks that are still
// running, sends the remaining lines, and writes all results. List, Show and Results read
// batches from the store.
//
// The package is private to narada.
package batch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/junit"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
)

// Options configure a batch.
type Options struct {
	Name      string
	Path      string // of the input; "-": Stdin
	Stdin     io.Reader
	StdinFile os.FileInfo // the file that Stdin is redirected from; nil: none
	Format    Format
	ByName    bool // the format is that of the file's name, which its content must not contradict
	Prompt    *Prompt
	Delimiter Delimiter // of a table; 0: it is recognized
	Start     time.Time // of the command

	// Template makes the tasks of the lines. With Windows, each runs in one of these browser
	// windows, one at a time in each.
	Template *task.Template
	Windows  []string

	Concurrency   int           // max. tasks in flight
	Rate          float64       // max. tasks sent per second; 0: no limit
	Timeout       time.Duration // of a task, from its dispatch
	RetryFailed   bool          // send failed lines again
	ResendUnknown bool          // send lines again whose task may have been accepted
	Restart       bool          // send all lines again
	MaxFailures   int           // failures in this run that stop the sending; 0: no limit
	MaxCredits    float64       // credits of the batch that stop the sending when exceeded; 0: no limit

	// Check checks the data of a success against its schema; nil: no check.
	Check SchemaCheck

	// Share puts the lines into the store, where workers find them, as they do those of a
	// batch that is worked on. Without it no other process may use the store to run this
	// batch, except from Backend.Dir. With NoWork this run does none of the tasks.
	Share, NoWork bool
	Via           string        // how workers get the answers
	Lease         time.Duration // of a worker's claim of a line; 0: DefaultLease
	Source        *secret.Source
	Machine       string

	Results string // path of the results file; "" or "-": Stdout
	Stdout  io.Writer
	Text    bool          // write text to Stdout, not JSON documents
	Width   func() int    // of the terminal that Stdout is, in columns; nil: it is none
	Query   *output.Query // applied to each result; nil: none
	Ordered bool          // write the results in input order
	JUnit   string        // path of the JUnit report; "": none

	// Visible masks secrets in text of the report and of failures, and replaces control
	// characters; nil: it is left as it is.
	Visible func(string) string

	// Confirm is called before a batch is restarted of which lines were sent, some of them
	// open: their tasks are or may be running.
	Confirm func(ctx context.Context, sent, open int) error

	Masker output.Masker          // masks the results; nil: nothing is masked
	Hide   func(...secret.String) // called with the secrets of a line before it is reported
	Report func(Event)            // called with each event, by several goroutines at once, never under a lock that Progress takes
}

// Backend has the API and the store of a batch.
type Backend struct {
	Cloud string // address of the API
	Store Store
	Dir   string // of the store; it has the lock of a running batch

	// Temporary is a store that is deleted after the run.
	Temporary bool

	// Open opens the engine, with adjust applied to its options, and uploads the files that
	// all tasks share.
	Open func(ctx context.Context, adjust func(*await.Options)) (Engine, error)

	// Upload uploads the files that all tasks share, without an engine.
	Upload func(ctx context.Context) error

	// Interrupt returns a channel that is closed to stop the sending.
	Interrupt func() <-chan struct{}
}

// Batch is a checked input.
type Batch struct {
	o       Options
	source  *source
	places  []place // of all lines
	results *results
	run     *run // nil before Run
}

// Open reads and checks the input. The error is a *ResultsError, an *InputError, or the
// cause of ctx's end.
func Open(ctx context.Context, o Options) (*Batch, error) {
	b := &Batch{o: o}
	input := o.StdinFile
	if o.Path != stdinPath {
		input, _ = os.Stat(o.Path) // openSource reports the error
	}
	var err error
	if b.results, err = newResults(o.Results, o.Stdout, o.Query, input); err != nil {
		return nil, err
	}
	b.results.masker, b.results.text, b.results.width = o.Masker, o.Text, o.Width
	if o.JUnit != "" {
		if err := junit.CheckPath(o.JUnit); err != nil {
			return nil, &ResultsError{Path: o.JUnit, Err: err, Usage: true, Report: true}
		}
	}
	if err = b.openSource(ctx); err != nil {
		return nil, err
	}
	if o.ByName {
		err = b.source.sniff()
	}
	if err == nil && o.Share {
		_, err = o.kept()
	}
	if err == nil {
		err = b.check(ctx)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// openSource waits for an input from a pipe for the time limit at most.
func (b *Batch) openSource(ctx context.Context) (err error) {
	limited, cancel := context.WithTimeoutCause(ctx, b.o.Timeout, ErrTimeLimit)
	defer cancel()
	b.source, err = openSource(limited, Input{b.o.Format, b.o.Prompt, b.o.Delimiter}, b.o.Path, b.o.Stdin, b.o.StdinFile)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// beginResults opens the output. A pipe waits for its reader, for the time limit at most.
func (b *Batch) beginResults(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.o.Timeout, ErrTimeLimit)
	defer cancel()
	err := b.results.begin(ctx)
	if n := len(b.places); n > 0 && err == nil {
		b.results.printer.Reserve(Line{Number: b.places[n-1].number}.Name())
	}
	return err
}

// Close closes the input.
func (b *Batch) Close() { b.source.close() }

// checked reads the input again. If it has changed since the check, it ends with an error.
func (b *Batch) checked() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		read := 0
		for l, err := range b.source.lines() {
			if err == nil && (read == len(b.places) || b.places[read] != place{l.Key, l.Sum, l.Number}) {
				err = &InputError{b.source.title, ErrInputChanged}
			}
			if read++; !yield(l, err) || err != nil {
				return
			}
		}
		if read < len(b.places) {
			yield(Line{}, &InputError{b.source.title, ErrInputChanged})
		}
	}
}

// Progress returns the current state. It may be called once Sending was reported.
func (b *Batch) Progress() Tally { return b.run.progress() }

// Run runs the batch. It returns an error if the run did not start: a *TakenError, an
// *OtherBatchError, a *ResultsError, or one of Options.Confirm or the backend.
func (b *Batch) Run(ctx context.Context, w Backend) (Verdict, error) {
	unlock, err := lockAndFree(ctx, w.Store, w.Dir, b.o.Name)
	if taken, ok := errors.AsType[*TakenError](err); ok {
		taken.shared = b.o.Share
	}
	if err != nil {
		return Verdict{}, err
	}
	defer unlock()
	r, err := b.find(ctx, w)
	if err != nil {
		return Verdict{}, err
	}
	b.run = newRun(ctx, b, w.Store)
	if b.run.shared, err = b.isShared(ctx, w, r); err != nil {
		return Verdict{}, err
	}
	defer b.run.stop(nil)
	if !w.Temporary {
		b.results.earlier = &earlier{path: b.results.path, known: b.run.known, open: b.run.open, written: map[Key]bool{}}
	}
	if err := b.beginResults(ctx); err != nil {
		return Verdict{}, err
	}
	if err = b.open(ctx, w); err == nil {
		b.run.number, err = b.put(ctx, w, r)
	}
	if err != nil {
		_, _ = b.results.close(false) // the first error counts
		return Verdict{}, err
	}
	stopWatching := b.watch(w.Interrupt())
	recovered, err := b.recoverAndSend(ctx, w, r)
	stopWatching()
	b.storeAgain(ctx)
	kept, closing := b.results.close(recovered)
	if kept > 0 {
		b.o.Report(EarlierKept{b.results.path + earlierSuffix, kept})
	}
	failed := cmp.Or(closing, b.results.failed, b.report(ctx))
	v := verdict(ctx, b.Progress(), err)
	switch {
	case failed == nil || v.Ending == Broken:
	case v.Ending == AllSucceeded || v.Ending == SomeFailed:
		v.Ending, v.Err = Broken, failed
	default:
		b.o.Report(ResultsIncomplete{failed})
	}
	if recovered { // else the lines of earlier runs are not all counted
		b.o.Report(Ended{v.Tally})
	}
	return v, nil
}

// storeAgain tries again to store what could not be stored.
func (b *Batch) storeAgain(ctx context.Context) {
	if b.run.stored == nil {
		return
	}
	if answers, err := b.run.stored.finish(ctx); err != nil {
		b.o.Report(AnswersNotStored{answers, err})
	}
}

// watch stops the sending on an interrupt, until stop is called.
func (b *Batch) watch(interrupt <-chan struct{}) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-interrupt:
			t := b.Progress()
			b.o.Report(Stopping{t.InFlight, t.Unknown})
			b.run.stop(ErrInterrupted)
		case <-done:
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// recoverAndSend recovers the results of earlier runs and sends the remaining lines.
func (b *Batch) recoverAndSend(ctx context.Context, w Backend, r record) (recovered bool, err error) {
	var s *sharing
	if b.run.shared {
		if s, err = b.share(ctx); err != nil {
			return false, err
		}
	}
	if err := b.run.recover(ctx); err != nil {
		return false, err
	}
	t := b.Progress()
	if r.earlier && !b.o.Restart {
		b.o.Report(Resumed{t})
		if changed := r.changed(); len(changed) > 0 && t.Earlier > 0 {
			b.o.Report(SettingsChanged{changed, t.Earlier})
		}
	}
	if !b.o.Ordered || t.Recovered == 0 {
		if err := b.results.publish(); err != nil {
			return true, err
		}
	}
	if err := b.settle(ctx, b.run.store, r, t); err != nil {
		return true, err
	}
	if unknown := b.run.unknown(); s == nil && unknown.Lines > 0 {
		b.o.Report(unknown)
	}
	b.o.Report(Sending{})
	if s != nil {
		s.do(ctx, w)
	} else {
		b.run.send(ctx)
	}
	return true, b.run.flush()
}
