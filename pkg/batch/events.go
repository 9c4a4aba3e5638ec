package batch

// Event is something that a person may want to know of a batch. What happens to its
// tasks is reported by the engine, as await.Events with the line's Item.
type Event interface{ event() }

// The events of an input that is checked.
type (
	// LineRejected is a line that cannot be sent.
	LineRejected struct{ Err *LineError }
	// LineWarned is something odd about a line, which is sent all the same.
	LineWarned struct {
		Number int // of the line
		Text   string
	}
	// MoreWarnings is how many warnings about lines were not reported.
	MoreWarnings struct{ Count int }
	// InputChanged is an input that differs from that of the last run.
	InputChanged struct {
		Lines     int // of the input
		WasLines  int // of the input of the last run
		Gone      int // lines that were sent and are no longer in it
		Different int // lines whose content is not what was sent under their id
	}
)

// The events of a run.
type (
	// Resumed is a batch that was run before, and its state.
	Resumed struct{ Tally Tally }
	// Sending is the start of the sending. From now on Batch.Progress may be called.
	Sending struct{}
	// Ended is the end of a run, when all results are written, and the state of the batch.
	Ended struct{ Tally Tally }
	// Stopping is an interrupt: no more tasks are sent; those in flight are waited for.
	Stopping struct{ InFlight int }
)

func (LineRejected) event() {}
func (LineWarned) event()   {}
func (MoreWarnings) event() {}
func (InputChanged) event() {}
func (Resumed) event()      {}
func (Sending) event()      {}
func (Ended) event()        {}
func (Stopping) event()     {}
