package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/textfile"
)

// ResultsError is a failure to write results to the file at Path.
type ResultsError struct {
	Path  string
	Err   error
	Usage bool // found before anything was sent

	Report bool // of Options.JUnit, not Options.Results
}

func (e *ResultsError) Error() string {
	return textfile.Named(e.Path, e.Err).Error()
}

// Unwrap returns the cause.
func (e *ResultsError) Unwrap() error { return e.Err }

// results writes the results, one per line, to stdout or a file, which has JSON documents.
//
// Every run writes a new file, which replaces that of the last run once it has the results
// of earlier runs, so that a killed run loses none. With --ordered it is replaced at the
// end. Each line is one write. Answers that are only in that file are kept beside it. The
// file is locked during the run.
type results struct {
	path    string // links resolved; "": stdout
	query   *output.Query
	masker  output.Masker // nil: nothing is masked
	stdout  io.Writer
	text    bool       // of what is written to stdout
	width   func() int // of stdout, nil if that is no terminal
	printer *output.Rows
	file    *atomicfile.File // nil: stdout or a device
	device  *os.File         // a pipe or a device

	published bool     // file is at its path
	failed    error    // first error of put
	earlier   *earlier // nil: the file may be replaced as it is
}

// newResults checks the path before anything is sent. input is the input file, if it is one.
func newResults(path string, stdout io.Writer, query *output.Query, input os.FileInfo) (*results, error) {
	if path == "" || path == stdinPath { // which also means stdout
		return &results{stdout: stdout, query: query}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, &ResultsError{Path: path, Err: errors.New("it is a folder"), Usage: true}
	case err == nil && input != nil && os.SameFile(info, input) && info.Mode().IsRegular():
		return nil, &ResultsError{Path: path, Err: errors.New("it is the input"), Usage: true}
	case err != nil || info.Mode().IsRegular() || !isSystem(path):
		if path, err = linkTarget(path); err != nil {
			return nil, &ResultsError{Path: path, Err: err, Usage: true}
		}
	}
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return &results{path: path, query: query}, nil
}

// checkFolder checks that the folder of the results exists.
func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return &ResultsError{Path: folder, Err: err, Usage: true}
	}
	return nil
}

// maxLinks limits the links that lead to a file.
const maxLinks = 40

// linkTarget follows links to a file, which may not exist yet. A link that leads out of its
// folder is an error: whoever made the folder, as by a repository, would choose a file of
// ours to be replaced. The error is about the path.
func linkTarget(path string) (string, error) {
	target := path
	for range maxLinks {
		next, err := os.Readlink(target)
		if err != nil { // not a link, or missing
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(target), next)
		}
		target = next
	}
	if target == path || within(filepath.Dir(path), filepath.Dir(target)) {
		return target, nil
	}
	return path, fmt.Errorf("it is a link out of its folder; name the file itself: %s", target)
}

// isSystem reports whether a path is that of a device, or of an open file: /dev/stdout is a
// link.
func isSystem(path string) bool {
	return strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/")
}

// within reports whether a folder is in another, or the same.
func within(outer, inner string) bool {
	var err error
	for _, path := range []*string{&outer, &inner} {
		if *path, err = filepath.EvalSymlinks(*path); err != nil {
			return false
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return false
		}
	}
	rel, err := filepath.Rel(outer, inner)
	return err == nil && filepath.IsLocal(rel)
}

// begin opens the output. The end of ctx ends the wait for the reader of a pipe.
func (r *results) begin(ctx context.Context) error {
	if r.path == "" {
		r.printTo(r.stdout)
		r.printer.AsJSON = !r.text
		return nil
	}
	var w io.Writer
	if info, err := os.Stat(r.path); err == nil && !info.Mode().IsRegular() { // a pipe, or /dev/null
		if r.device, err = openDevice(ctx, r.path); err != nil {
			return &ResultsError{Path: r.path, Err: err, Usage: true}
		}
		w = r.device
	} else {
		if r.earlier != nil {
			some, err := r.earlier.exists()
			if err != nil {
				return &ResultsError{Path: r.path, Err: err, Usage: true}
			}
			if !some {
				r.earlier = nil
			}
		}
		if r.file, err = atomicfile.Create(r.path, 0o666); err != nil { // the umask narrows it
			return &ResultsError{Path: r.path, Err: err, Usage: errors.Is(err, atomicfile.ErrBusy)}
		}
		w = r.file
		if r.earlier != nil {
			w = io.MultiWriter(r.file, r.earlier)
		}
	}
	r.printTo(w)
	return nil
}

func (r *results) printTo(w io.Writer) {
	r.printer = &output.Rows{Printer: output.NewPrinter(w, false, r.query), Width: r.width}
	r.printer.AsJSON, r.printer.Masker = true, r.masker
}

// put writes the result of a line.
func (r *results) put(o Outcome) error {
	err := o.print(r.printer)
	if r.earlier != nil && o.Result != nil {
		r.earlier.answered(o.RequestID)
	}
	if r.path == "" {
		return err
	}
	if writing, ok := errors.AsType[*output.WritingError](err); ok {
		err = writing.Err
	}
	err = r.error(err)
	r.failed = cmp.Or(r.failed, err)
	return err
}

func (r *results) error(err error) error {
	if err == nil {
		return nil
	}
	return &ResultsError{Path: r.path, Err: err}
}

// publish replaces the file of the last run.
func (r *results) publish() error {
	if r.file == nil || r.published {
		return nil
	}
	if r.earlier != nil {
		if err := r.earlier.save(); err != nil {
			return r.error(err)
		}
	}
	err := r.file.Publish()
	r.published = err == nil
	return r.error(err)
}

// close publishes and closes the file. One that is neither whole nor published is removed:
// it has fewer results than that of the last run. kept counts the results of earlier runs
// that stay in the file beside it.
func (r *results) close(whole bool) (kept int, err error) {
	switch {
	case r.device != nil:
		return 0, r.error(r.device.Close())
	case r.file == nil:
		return 0, nil
	case !whole:
		return 0, r.error(r.file.Discard())
	}
	if err := r.publish(); err != nil {
		return 0, errors.Join(err, r.file.Discard())
	}
	if err := r.file.Close(); err != nil || r.earlier == nil {
		return 0, r.error(err)
	}
	kept, err = r.earlier.settle()
	return kept, r.error(err)
}

// openDevice opens a device, or a pipe, for whose reader it waits until ctx ends.
func openDevice(ctx context.Context, path string) (*os.File, error) {
	type outcome struct {
		f   *os.File
		err error
	}
	done := make(chan outcome)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			var info os.FileInfo
			if info, err = f.Stat(); err == nil && info.Mode().IsRegular() {
				err = errors.New("was replaced while it was opened")
			}
			if err != nil {
				_ = f.Close() // nothing was written
			}
		}
		select {
		case done <- outcome{f, err}:
		case <-ctx.Done():
			if err == nil {
				_ = f.Close() // nothing was written
			}
		}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
