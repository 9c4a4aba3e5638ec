// Package ci writes what a CI system shows of a command: the summary of a step on GitHub
// Actions, which is Markdown.
//
// The package is private to narada.
package ci

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/units"
)

// MaxSize is the maximum size of the summaries of a step. GitHub shows nothing of a step with
// more (FileCommandManager.cs of actions/runner).
const MaxSize = 1 << 20

// OnGitHub reports whether the program runs in a step of GitHub Actions.
func OnGitHub(getenv func(string) string) bool { return getenv("GITHUB_ACTIONS") == "true" }

// SummaryFile returns the path of the file for the summaries of a step, "" if there is none.
func SummaryFile(getenv func(string) string) string { return getenv("GITHUB_STEP_SUMMARY") }

// Summary is what the summary of a step says of one command. The methods of a nil Summary do
// nothing. All its texts may be of others: in the Markdown they are text and nothing else.
type Summary struct {
	command string
	visible func(string) string
	tables  []table
	answer  string
}

// table is a table with a row for its columns, and a note below it.
type table struct {
	columns []string
	rows    [][]string
	note    string
}

// New returns the summary of the command, as "narada run". visible masks secrets in text, and
// replaces control characters.
func New(command string, visible func(string) string) *Summary {
	return &Summary{command: command, visible: visible}
}

// Task adds a finished task and its answer.
func (s *Summary) Task(r *narada.Result) {
	if s == nil {
		return
	}
	row := []string{r.RequestID, string(r.Status), "", "", ""}
	if d := r.Duration(); d > 0 {
		row[2] = units.Round(d).String()
	}
	if r.Usage != nil {
		row[3], row[4] = fmt.Sprint(r.Usage.Actions), fmt.Sprint(r.Usage.Credits)
	}
	s.tables = append(s.tables, table{columns: []string{"request ID", "status", "duration", "actions", "credits"}, rows: [][]string{row}})
	if s.answer = r.Text(); r.Structured() != nil {
		s.answer = string(r.Structured())
	}
}

// Mismatch adds how the answer of the task does not match what was asked of it.
func (s *Summary) Mismatch(text string) {
	if s == nil {
		return
	}
	if last := &s.tables[len(s.tables)-1]; last.columns[0] == doesNotMatch {
		last.rows = append(last.rows, []string{text})
		return
	}
	s.tables = append(s.tables, table{columns: []string{doesNotMatch}, rows: [][]string{{text}}})
}

const doesNotMatch = "does not match"

// Batch adds the state of a batch at its end, and the first of the lines that did not succeed.
func (s *Summary) Batch(name string, t batch.Tally, took time.Duration) {
	if s == nil {
		return
	}
	s.tables = append(s.tables, table{
		columns: []string{"batch", "lines", "outcome", "duration", "actions", "credits"},
		rows:    [][]string{{name, fmt.Sprint(t.Total), t.Text(), units.Round(took).String(), fmt.Sprint(t.Actions), fmt.Sprint(t.Credits)}},
	})
	failed := table{columns: []string{"did not succeed"}}
	for _, o := range t.FirstFailed {
		failed.rows = append(failed.rows, []string{o.Text()})
	}
	if more := t.Failed() - len(t.FirstFailed); more > 0 {
		failed.note = fmt.Sprintf("and %d more", more)
	}
	s.tables = append(s.tables, failed)
}

// Test adds the result of a test.
func (s *Summary) Test(f contract.Finding) {
	if s == nil {
		return
	}
	if s.tables == nil {
		s.tables = []table{{columns: []string{"verdict", "test", "found", "advice"}}}
	}
	t := &s.tables[0]
	t.rows = append(t.rows, []string{string(f.Verdict), f.Test, f.Detail, f.Advice})
}

// Append appends the summary to the file. The command ended with the outcome, such as
// "success", and with what it said at its end, "" for nothing. If there is no room for all, it
// leaves out the details, and says so.
func (s *Summary) Append(path, outcome, said string) error {
	size := int64(0)
	switch info, err := os.Stat(path); {
	case err != nil && !os.IsNotExist(err):
		return err
	case err == nil && !info.Mode().IsRegular(): // a pipe would wait for a reader
		return fmt.Errorf("%s is not a regular file", path)
	case err == nil:
		size = info.Size()
	}
	text := s.markdown(outcome, said)
	if size+int64(len(text)) > MaxSize {
		short := *s
		short.answer, short.tables = "", slices.Clone(s.tables[:min(len(s.tables), 1)])
		text = short.markdown(outcome, said) + "The rest is not shown: GitHub shows at most 1 MiB for a step.\n"
	}
	if size+int64(len(text)) > MaxSize {
		return fmt.Errorf("%s is full: GitHub shows at most 1 MiB for a step", path)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
