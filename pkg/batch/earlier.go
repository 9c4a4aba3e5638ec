package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/textfile"
)

// A results file may have answers that the store does not have: they could not be stored, or
// were pruned. Before the file is replaced, their lines are moved to a file beside it, which
// is removed once the store has all of its answers.

// earlierSuffix is the end of that file's name.
const earlierSuffix = ".earlier"

// earlier finds the results whose answers the store does not have.
type earlier struct {
	path string // of the results

	// known reports whether the store has the answer to a task.
	known func(requestID string) (bool, error)

	// open reports whether a line that was sent has no answer in the store. A result that a
	// query has changed cannot be compared with the store: it may be that line's.
	open func() bool

	written map[Key]bool // lines that this run has written, and their tasks
}

// exists reports whether there are results of earlier runs. It is an error if the file beside
// the results is none.
func (e *earlier) exists() (bool, error) {
	_, err := os.Stat(e.path)
	kept, keptErr := textfile.OpenUnlinked(e.path + earlierSuffix)
	switch {
	case keptErr == nil:
		return true, kept.Close()
	case errors.Is(keptErr, fs.ErrNotExist):
		return err == nil, nil
	}
	return false, textfile.Named(e.path+earlierSuffix, keptErr)
}

// Write implements io.Writer: it notes what is written, which are whole lines.
func (e *earlier) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		e.written[lineKey(line)] = true
	}
	return len(p), nil
}

// answered notes the task of a result that this run writes.
func (e *earlier) answered(requestID string) { e.written[requestKey(requestID)] = true }

func requestKey(id string) Key { return sum("request", []byte(id)) }

func lineKey(line []byte) Key { return sum("result", bytes.TrimRight(line, "\n")) }

// missing reports whether the store may not have the answer in a line.
func (e *earlier) missing(line []byte) (bool, error) {
	if e.written[lineKey(line)] {
		return false, nil
	}
	var r struct {
		RequestID *string       `json:"requestId"`
		Status    narada.Status `json:"status"`
	}
	switch {
	case json.Unmarshal(line, &r) != nil, r.Status == "":
		return e.open(), nil
	case r.RequestID == nil: // it has no answer
		return false, nil
	case e.written[requestKey(*r.RequestID)]:
		return false, nil
	}
	known, err := e.known(*r.RequestID)
	return !known, err
}

// save moves the lines with missing answers to the file beside the results.
func (e *earlier) save() error {
	saved := map[Key]bool{}
	var lines []byte
	keep := func(line []byte) { lines = append(append(lines, bytes.TrimRight(line, "\n")...), '\n') }
	err := eachLine(e.path+earlierSuffix, func(line []byte) error {
		saved[lineKey(line)] = true
		keep(line)
		return nil
	})
	if err != nil {
		return err
	}
	before := len(lines)
	err = eachLine(e.path, func(line []byte) error {
		missing, err := e.missing(line)
		if missing && !saved[lineKey(line)] {
			keep(line)
		}
		return err
	})
	if err != nil || len(lines) == before {
		return err
	}
	return atomicfile.Write(e.path+earlierSuffix, lines)
}

// settle removes the file beside the results if no answer in it is missing. lines counts the
// missing ones.
func (e *earlier) settle() (lines int, err error) {
	some := false
	err = eachLine(e.path+earlierSuffix, func(line []byte) error {
		some = true
		missing, err := e.missing(line)
		if missing {
			lines++
		}
		return err
	})
	if err == nil && some && lines == 0 {
		err = atomicfile.Remove(e.path + earlierSuffix)
	}
	return lines, err
}

// eachLine calls do with the lines of a file, none if it does not exist.
func eachLine(path string, do func(line []byte) error) error {
	f, err := textfile.OpenUnlinked(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return textfile.Named(path, err)
	}
	defer f.Close()
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			if err := do(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
