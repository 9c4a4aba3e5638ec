package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// batchResults is where the results go, a line each: stdout, or a file.
//
// A file is written anew by every run: beside its place first, with what the ledger
// has, then it takes its place and what comes is added. Each line is one write. In the
// order of the input, lines of earlier runs may come late: then it takes its place at
// the end, so that a kill leaves the file of the earlier run.
type batchResults struct {
	path    string // "": stdout
	name    string // of the batch
	printer *output.Printer
	jq      *output.Query
	stdout  io.Writer
	file    *atomicfile.File
	device  *os.File // instead of the file: a pipe, or /dev/null
	broken  bool     // a line could not be written
	kept    bool     // the ledger is there afterwards
}

// newResults finds what is wrong with --results and --jq before anything is sent.
func (b *batchRun) newResults(ctx context.Context, input string) (*batchResults, error) {
	r := &batchResults{path: b.o.results, stdout: b.inv.app.Stdout, kept: !b.o.answer.sandbox}
	if b.o.jq != "" {
		var err error
		if r.jq, err = output.ParseQuery(ctx, b.o.jq); err != nil {
			return nil, usageError("", "--jq: %v", err)
		}
	}
	if b.inv.app.StdoutTerminal {
		r.stdout = b.inv.talk.Over(r.stdout)
	}
	if r.path == "" {
		return r, nil
	}
	r.path = linkTarget(r.path)
	info, err := os.Stat(r.path)
	if err == nil && info.IsDir() {
		return nil, usageError("", "--results: %s is a folder", r.path)
	}
	if from, inputErr := b.inv.statInput(input); err == nil && inputErr == nil && os.SameFile(info, from) && info.Mode().IsRegular() {
		return nil, usageError("", "--results: %s is the input", r.path)
	}
	if info, err = os.Stat(filepath.Dir(r.path)); err != nil {
		return nil, usageError("", "--results: %s: %v", filepath.Dir(r.path), plainPathError(err))
	} else if !info.IsDir() {
		return nil, usageError("", "--results: %s is not a folder", filepath.Dir(r.path))
	}
	return r, nil
}

// linkTarget is what is to be written, and not the link to it; it may not be there yet.
func linkTarget(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	target, err := os.Readlink(path)
	switch {
	case err != nil:
		return path
	case filepath.IsAbs(target):
		return target
	}
	return filepath.Join(filepath.Dir(path), target)
}

// statInput describes the input's file: for -, what stdin was redirected from.
func (inv *invocation) statInput(path string) (os.FileInfo, error) {
	if path != "-" {
		return os.Stat(path)
	}
	if stdin, ok := inv.app.Stdin.(*endingReader); ok {
		if f, ok := stdin.r.(*os.File); ok {
			return f.Stat()
		}
	}
	return nil, os.ErrNotExist
}

// begin opens the place where the results go.
func (r *batchResults) begin() (err error) {
	if r.path == "" {
		r.printer = output.NewPrinter(r.stdout, false, r.jq)
		return nil
	}
	mode := os.FileMode(0o666) // as the umask has it
	if info, err := os.Stat(r.path); err == nil {
		if !info.Mode().IsRegular() { // a pipe, or /dev/null
			if r.device, err = os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
				return r.error(err)
			}
			r.printer = output.NewPrinter(r.device, false, r.jq)
			return nil
		}
		mode = info.Mode().Perm()
	}
	if r.file, err = atomicfile.Create(r.path, mode); err != nil {
		return r.error(err)
	}
	r.printer = output.NewPrinter(r.file, false, r.jq)
	return nil
}

// publish puts the file in its place.
func (r *batchResults) publish() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Publish(); err != nil {
		return r.error(err)
	}
	return nil
}

// put writes a result.
func (r *batchResults) put(o batch.Outcome) error {
	line, err := resultLine(o)
	if err == nil {
		err = r.printer.JSON(line)
	}
	if err == nil || r.path == "" {
		return err
	}
	if writing, ok := errors.AsType[*output.WritingError](err); ok {
		r.broken, err = true, writing.Err
	}
	return r.error(err)
}

func (r *batchResults) error(err error) error {
	e := &exitError{code: codeUnexpected, text: "--results: " + r.path + ": " + plainPathError(err).Error(), err: err}
	if r.kept {
		e.next = "the ledger has the results: narada batch results " + output.ShellWord(r.name)
	}
	return e
}

// discard leaves the file as an earlier run has left it.
func (r *batchResults) discard() error { return r.end((*atomicfile.File).Discard) }

// Close closes the file, which then is on the disk.
func (r *batchResults) Close() error { return r.end((*atomicfile.File).Close) }

func (r *batchResults) end(file func(*atomicfile.File) error) (err error) {
	switch {
	case r.file != nil:
		err = file(r.file)
	case r.device != nil:
		err = r.device.Close()
	}
	r.file, r.device = nil, nil
	if err != nil && !r.broken { // else it was said
		return r.error(err)
	}
	return nil
}

// resultHead is what the output says of a line before the cloud's result.
type resultHead struct {
	ID        *string       `json:"id"`
	Line      *int          `json:"line"`
	RequestID *string       `json:"requestId,omitempty"`
	Status    narada.Status `json:"status,omitempty"`
	Error     string        `json:"error,omitempty"`
	Misfit    []string      `json:"misfit,omitempty"`
}

// resultLine is a JSON object: the line's id and place, and the cloud's result
// whole. A line without a result has its status and why there is none.
func resultLine(o batch.Outcome) (json.RawMessage, error) {
	head := resultHead{ID: present(o.ID), Line: placeOf(o.Line), Misfit: o.Misfit}
	if o.Result == nil {
		head.RequestID, head.Status, head.Error = present(o.RequestID), o.StatusName(), whyNoResult(o)
	}
	doc, err := output.EncodeJSON(head)
	if err != nil || o.Result == nil {
		return doc, err
	}
	rest, err := narada.WithoutMembers(o.Result.Raw(), "id", "line", "misfit")
	if err != nil {
		return nil, err
	}
	rest = bytes.TrimSpace(rest)
	if len(rest) <= 2 {
		return doc, nil
	}
	return append(append(doc[:len(doc)-1], ','), rest[1:]...), nil
}

// placeOf is a line's number, nil when it is no longer in the input.
func placeOf(l batch.Line) *int {
	if l.Number == 0 {
		return nil
	}
	return &l.Number
}

// whyNoResult says why a line has no result.
func whyNoResult(o batch.Outcome) string {
	switch {
	case o.Failure != "":
		return o.Failure
	case o.Phase == batch.Unknown:
		return "it is not known whether the task was accepted"
	case o.Phase == batch.Pruned:
		return "its task is no longer in the ledger"
	case o.Err != nil:
		return explain(o.Err)
	}
	return fmt.Sprintf("its result is not in the ledger: narada status %s asks for it", output.ShellWord(o.RequestID))
}
