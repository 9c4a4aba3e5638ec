// Package batch runs the tasks of an input: many at once, at a pace, each once, however
// often the run is stopped and started again.
//
// Open reads the whole input and finds what is wrong with it before anything is sent.
// Batch.Run finds the batch in the store, compares its input with that of the last run,
// waits for the tasks that still run, sends those of the lines that are new, and writes
// the results of all. List, Show and Results read batches from the store.
//
// The package is private to narada. It knows neither how callbacks come in nor how the
// store keeps what it is given.
package batch

import (
	"context"
	"io"
	"iter"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
)

// Options say what a batch consists of, and how it is run.
type Options struct {
	Name      string
	Path      string      // of the input; "-": Stdin
	Stdin     io.Reader   // read once
	StdinFile os.FileInfo // of the file that Stdin was redirected from; nil: none
	Format    Format
	Prompt    *Prompt
	Start     time.Time // of the command

	// Template makes the tasks of the lines. Each runs in one of the browser Windows, and
	// one at a time in each; none: wherever its request says.
	Template *task.Template
	Windows  []string

	Concurrency   int           // limit on the tasks in flight
	Rate          float64       // limit on the tasks sent a second; 0: no limit
	Timeout       time.Duration // of each task, from its dispatch
	RetryFailed   bool          // send the tasks again that have failed
	ResendUnknown bool          // send the tasks again that may have been accepted
	MaxFailures   int           // failures of this run at which no more are sent; 0: no limit
	MaxCredits    float64       // credits of the batch above which no more are sent; 0: no limit

	// Check checks the data of a success against its schema; nil: it is not checked.
	Check func(*schema.Schema, *narada.Result) ([]schema.Violation, error)

	Results string        // path of the file that results are written to; "": Stdout
	Stdout  io.Writer     //
	Query   *output.Query // is applied to each result; nil: none
	Ordered bool          // in the order of the input, and not as they come

	Hide   func(...secret.String) // is given the secrets of lines before anything is said of them
	Report func(Event)            // is told what happens, by several goroutines at once and never under a lock
}

// Backend is where the tasks of a batch run, and where the batch is kept.
type Backend struct {
	Cloud string // address of the API
	Store Store
	Dir   string // of the store: in it is the lock of a batch that runs

	// Open opens the engine, to whose options adjust is to be applied, and uploads the
	// files that all tasks have in common.
	Open func(ctx context.Context, adjust func(*await.Options)) (Engine, error)

	// Interrupt returns a channel that is closed when no more tasks are to be sent. It is
	// called before the first is.
	Interrupt func() <-chan struct{}
}

// Batch is an input that was checked.
type Batch struct {
	o       Options
	source  *source
	places  []place // of all lines
	results *results
	run     *run // nil before Run has found the batch
}

// Open reads the input. The error is a *ResultsError, an *InputError, or the cause of
// ctx's end.
func Open(ctx context.Context, o Options) (*Batch, error) {
	b := &Batch{o: o}
	input := o.StdinFile
	if o.Path != "-" {
		input, _ = os.Stat(o.Path) // what is wrong with it is found next
	}
	var err error
	if b.results, err = newResults(o.Results, o.Stdout, o.Query, input); err != nil {
		return nil, err
	}
	if b.source, err = openSource(Input{o.Format, o.Prompt}, o.Path, o.Stdin); err != nil {
		return nil, err
	}
	if err := b.check(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes the input.
func (b *Batch) Close() { b.source.close() }

// checked reads the input again, as long as it is what was checked.
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

// Progress returns the state of the batch now. It may be called once Sending was reported.
func (b *Batch) Progress() Tally { return b.run.progress() }

// Run runs the batch. An error says why it was not run at all: it may be a *TakenError,
// an *OtherBatchError, a *ResultsError, or one of the backend's.
func (b *Batch) Run(ctx context.Context, w Backend) (Verdict, error) {
	unlock, err := lock(w.Dir, b.o.Name)
	if err != nil {
		return Verdict{}, err
	}
	defer unlock()
	number, earlier, err := b.find(ctx, w)
	if err != nil {
		return Verdict{}, err
	}
	b.run = newRun(ctx, b, w.Store, number)
	defer b.run.stop(nil)
	if b.run.engine, err = w.Open(ctx, b.run.pace.adjust); err != nil {
		return Verdict{}, err
	}
	if err := b.results.begin(); err != nil {
		return Verdict{}, err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	stopWatching := b.watch(w.Interrupt())
	recovered, err := b.recoverAndSend(ctx, earlier)
	stopWatching()
	closing := b.results.close(recovered)
	v := verdict(ctx, b.Progress(), err)
	if closing != nil && (v.Ending == AllSucceeded || v.Ending == SomeFailed) {
		v.Ending, v.Err = Broken, closing
	}
	b.o.Report(Ended{v.Tally})
	return v, nil
}

// The garbage collector runs when so many percent are new, since little of a batch
// stays for long, but earlier when so much memory is in use.
const (
	collectAt   = 300
	memoryLimit = 180 << 20
)

// watch stops the sending at an interrupt, until stop is called.
func (b *Batch) watch(interrupt <-chan struct{}) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-interrupt:
			b.o.Report(Stopping{b.Progress().InFlight})
			b.run.stop(ErrInterrupted)
		case <-done:
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// recoverAndSend recovers what earlier runs have done, and sends the rest.
func (b *Batch) recoverAndSend(ctx context.Context, earlier bool) (recovered bool, err error) {
	err = b.run.recover(ctx)
	if earlier {
		b.o.Report(Resumed{b.Progress()})
	}
	if err != nil {
		return false, err
	}
	if !b.o.Ordered || b.Progress().Recovered == 0 {
		if err := b.results.publish(); err != nil {
			return true, err
		}
	}
	b.o.Report(Sending{})
	return true, b.run.send(ctx)
}
