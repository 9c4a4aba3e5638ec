package batch

import "time"

// Event is what a Batch reports: one of the structs below. The events of its tasks are
// reported by the engine, as await.Events with the line's Item.
type Event interface{ event() }

// The events of the check.
type (
	// LinesRejected is invalid lines.
	LinesRejected struct{ Problem Problem }
	// LinesWarned is a warning about lines, which are sent all the same.
	LinesWarned struct{ Problem Problem }
	// InputChanged is an input that differs from that of the last run.
	InputChanged struct {
		Lines     int // of the input
		WasLines  int // of the input of the last run
		Gone      int // sent lines that are no longer in it
		Different int // lines whose content differs from what was sent under their ID
	}
)

// The events of a batch that was run before.
type (
	// Resumed is the state of a batch that is resumed.
	Resumed struct{ Tally Tally }
	// SettingsChanged is a batch whose tasks have something else in common than when lines
	// were last sent: the names of flags. What was sent is not sent again.
	SettingsChanged struct {
		Changed []string
		Lines   int
	}
	// Restarted is a batch that is run afresh, with its lines that were sent before. The tasks
	// of the open ones are or may be running.
	Restarted struct{ Sent, Open int }
)

// The events of a run.
type (
	// Sending is the start of the sending, from which Batch.Progress may be called.
	Sending struct{}
	// Ended is the end of a run, after the results are written, with the state of the batch.
	Ended struct{ Tally Tally }
	// AnswersNotStored is answers that are in the results, but could not be stored.
	AnswersNotStored struct {
		Answers int
		Err     error
	}
	// EarlierKept is results of earlier runs whose answers are not in the store. They stay in
	// a file beside the results.
	EarlierKept struct {
		Path  string
		Lines int
	}
	// ResultsIncomplete is results that could not be written, of a run that was stopped for
	// another reason.
	ResultsIncomplete struct{ Err error }
	// StoreLost is a store that cannot be used for now: nothing is sent until StoreBack.
	StoreLost struct{ Err error }
	// StoreBack is that it can be used again.
	StoreBack struct{}
	// Stopping is an interrupt: no more tasks are sent, those in flight are awaited, and
	// those that may have been accepted.
	Stopping struct{ InFlight, Unknown int }
	// AwaitingUnknown is lines that may have been accepted by an earlier run: only callbacks
	// can tell. They are awaited until then at the latest.
	AwaitingUnknown struct {
		Lines int
		Until time.Time
	}
)

func (LinesRejected) event()     {}
func (LinesWarned) event()       {}
func (InputChanged) event()      {}
func (Resumed) event()           {}
func (SettingsChanged) event()   {}
func (Restarted) event()         {}
func (Sending) event()           {}
func (Ended) event()             {}
func (AnswersNotStored) event()  {}
func (EarlierKept) event()       {}
func (ResultsIncomplete) event() {}
func (StoreLost) event()         {}
func (StoreBack) event()         {}
func (Stopping) event()          {}
func (AwaitingUnknown) event()   {}
