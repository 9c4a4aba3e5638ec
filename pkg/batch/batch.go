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
	Name      string      // "": NameOf(Path)
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

	// Check finds how a success differs from the schema that was asked for; nil: it is not
	// checked.
	Check func(*schema.Schema, *narada.Result) ([]schema.Violation, error)

	Results string        // path of the file that results are written to; "": Stdout
	Stdout  io.Writer     //
	Query   *output.Query // is applied to each result; nil: none
	Ordered bool          // in the order of the input, and not as they come

	// Hide, if not nil, is given the secrets of lines before anything is said of them.
	Hide func(...secret.String)

	// Report, if not nil, is told what happens, never under a lock.
	Report func(Event)
}

func (o *Options) report(e Event) {
	if o.Report != nil {
		o.Report(e)
	}
}

func (o *Options) hide(secrets ...secret.String) {
	if o.Hide != nil {
		o.Hide(secrets...)
	}
}

// Backend is where the tasks of a batch run, and where the batch is kept.
type Backend struct {
	Cloud string // address of the API
	Store Store
	Dir   string // of the store: in it is the lock of a batch that runs

	// Open opens what tasks are sent by, and uploads what they have in common. adjust is
	// to be applied to the options of the engine.
	Open func(ctx context.Context, adjust func(*await.Options)) (Engine, error)

	// Interrupt returns a channel that is closed when no more tasks are to be sent. It is
	// called before the first is; nil: there is none.
	Interrupt func() <-chan struct{}
}

// Batch is an input that was checked.
type Batch struct {
	o       Options
	name    string
	source  *source
	input   Input
	places  []place // of all lines
	results *results
	run     *run // nil before Run has found the batch
}

// Open reads the input. The error is a *ResultsError, an *InputError, or the cause of
// ctx's end.
func Open(ctx context.Context, o Options) (*Batch, error) {
	b := &Batch{o: o, name: o.Name, input: Input{Format: o.Format, Prompt: o.Prompt}}
	if b.name == "" {
		b.name = NameOf(o.Path)
	}
	input := o.StdinFile
	if o.Path != "-" {
		input, _ = os.Stat(o.Path) // what is wrong with it is found next
	}
	var err error
	if b.results, err = newResults(o.Results, o.Stdout, o.Query, input); err != nil {
		return nil, err
	}
	if b.source, err = openSource(o.Path, o.Stdin); err != nil {
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

// lines reads the input from its beginning.
func (b *Batch) lines() iter.Seq2[Line, error] { return b.source.lines(b.input) }

// Name returns the name of the batch.
func (b *Batch) Name() string { return b.name }

// Progress returns how the batch stands. Sending is reported before it may be called.
func (b *Batch) Progress() Tally { return b.run.progress() }

// Run runs the batch. An error says why it was not run at all: it may be a *TakenError,
// an *OtherBatchError, a *ResultsError, or one of the backend's.
func (b *Batch) Run(ctx context.Context, w Backend) (Verdict, error) {
	unlock, err := lock(w.Dir, b.name)
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
	defer tuneMemory()()
	if w.Interrupt != nil {
		defer b.watch(w.Interrupt())()
	}
	return b.sendAll(ctx, earlier), nil
}

// sendAll recovers what earlier runs have done, and sends the rest.
func (b *Batch) sendAll(ctx context.Context, earlier bool) Verdict {
	err := b.run.recover(ctx)
	if earlier {
		b.o.report(Resumed{b.Progress()})
	}
	recovered := err == nil
	if recovered && !(b.o.Ordered && b.Progress().Recovered > 0) {
		err = b.results.publish()
	}
	if err == nil {
		b.o.report(Sending{})
		err = b.run.send(ctx)
	}
	closing := b.results.close(recovered)
	v := verdict(ctx, b.Progress(), err)
	if closing != nil && (v.Ending == AllSucceeded || v.Ending == SomeFailed) {
		v.Ending, v.Err = Broken, closing
	}
	b.o.report(Ended{v.Tally})
	return v
}

// watch stops the sending at an interrupt, until the function that it returns is
// called.
func (b *Batch) watch(interrupt <-chan struct{}) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-interrupt:
			b.o.report(Stopping{b.Progress().InFlight})
			b.run.stop(ErrInterrupted)
		case <-done:
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// The garbage collector runs when so many percent are new, since little of a batch
// stays for long, but earlier when so much memory is in use.
const (
	collectAt   = 300
	memoryLimit = 180 << 20
)

// tuneMemory sets up the garbage collector for a batch.
func tuneMemory() (restore func()) {
	percent, limit := debug.SetGCPercent(collectAt), debug.SetMemoryLimit(memoryLimit)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
