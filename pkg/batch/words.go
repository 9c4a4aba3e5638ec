package batch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// Prefix names a task's line before a message about it: "line 3 (acme): ". It is "" for a
// task that is not of a batch.
func Prefix(i store.Item) string {
	if i.Batch == 0 {
		return ""
	}
	return Line{Number: i.Line, ID: i.ID}.Name() + ": "
}

// CountsText is "1 error, 2 success".
func CountsText(counts map[narada.Status]int) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[status], status))
	}
	return strings.Join(list, ", ")
}

// CountsText describes all lines: how many ended with each status, are unfinished, or were
// not sent.
func (t Tally) CountsText() string {
	var list []string
	if len(t.Counts) > 0 {
		list = append(list, CountsText(t.Counts))
	}
	if t.Unfinished > 0 {
		list = append(list, fmt.Sprintf("%d unfinished", t.Unfinished))
	}
	if rest := t.Total - t.Ended - t.Unfinished; rest > 0 {
		list = append(list, fmt.Sprintf("%d not sent", rest))
	}
	return strings.Join(list, ", ")
}

// Text describes the lines that were sent before.
func (e Restarted) Text() string {
	text := units.Count(e.Sent, "line") + " sent before"
	if e.Open > 0 {
		text += fmt.Sprintf(", of which %d may still be running", e.Open)
	}
	return text
}

// Text is CountsText, and after an earlier run how many lines were sent now.
func (t Tally) Text() string {
	if t.Earlier == 0 {
		return t.CountsText()
	}
	return fmt.Sprintf("%s (%d sent now, %d from earlier runs)", t.CountsText(), t.Sent, t.Earlier)
}

// FailedText names the first lines that did not succeed: "line 3, line 4 and 2 more".
func (t Tally) FailedText() string {
	var list []string
	for _, o := range t.FirstFailed {
		list = append(list, o.Line.Name())
	}
	text := strings.Join(list, ", ")
	if more := t.Failed() - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Text describes the outcome of a line that did not succeed. It may have control characters
// of the API's.
func (o Outcome) Text() string {
	text := o.Line.Name() + ": " + string(o.StatusName())
	if o.RequestID != "" {
		text += ", " + o.RequestID
	}
	if o.Matches() {
		return text + ": " + o.Reason()
	}
	return text + ", but " + o.Reason()
}
