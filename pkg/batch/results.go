package batch

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/output"
)

// ResultsError says that results cannot be written to the file at Path.
type ResultsError struct {
	Path  string
	Err   error
	Usage bool // it was found before anything was sent
}

func (e *ResultsError) Error() string {
	reason := withoutPath(e.Err)
	if e.Usage && reason == e.Err { // "is a folder"
		return e.Path + " " + reason.Error()
	}
	return e.Path + ": " + reason.Error()
}

// Unwrap returns the reason.
func (e *ResultsError) Unwrap() error { return e.Err }

// results is where the results go, a line each: stdout, or a file.
//
// Every run writes the file anew, under a temporary name at first: it begins with the
// results of earlier runs, and only then replaces the file of the last run. So a run
// that is killed leaves no fewer results than there were. In the order of the input,
// results of earlier runs may come late, and the file is replaced at the end. Each
// line is one write.
type results struct {
	path      string // of the file, links resolved; "": stdout
	query     *output.Query
	stdout    io.Writer
	printer   *output.Printer
	file      *os.File
	published bool
	regular   bool // the file is not a pipe or a device
}

// newResults finds what is wrong with the path before anything is sent. input
// describes the file of the input, if it is one.
func newResults(path string, stdout io.Writer, query *output.Query, input os.FileInfo) (*results, error) {
	if path == "" {
		return &results{stdout: stdout, query: query}, nil
	}
	path = linkTarget(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, &ResultsError{path, errors.New("is a folder"), true}
	case err == nil && input != nil && os.SameFile(info, input) && info.Mode().IsRegular():
		return nil, &ResultsError{path, errors.New("is the input"), true}
	}
	folder := filepath.Dir(path)
	if info, err = os.Stat(folder); err == nil && !info.IsDir() {
		err = errors.New("is not a folder")
	}
	if err != nil {
		return nil, &ResultsError{folder, err, true}
	}
	return &results{path: path, query: query}, nil
}

// linkTarget is the file that a link leads to, which may not exist yet.
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

// begin opens the place where the results go.
func (r *results) begin() error {
	if r.path == "" {
		r.printer = output.NewPrinter(r.stdout, false, r.query)
		return nil
	}
	mode, name, flags := os.FileMode(0o666), r.temporary(), os.O_CREATE|os.O_TRUNC // the umask narrows the mode
	r.regular = true
	if info, err := os.Stat(r.path); err == nil {
		mode = info.Mode().Perm()
		if r.regular = info.Mode().IsRegular(); !r.regular { // a pipe, or /dev/null
			name, flags, r.published = r.path, 0, true
		}
	}
	var err error
	if r.file, err = os.OpenFile(name, flags|os.O_WRONLY|os.O_APPEND, mode); err != nil {
		return r.error(err)
	}
	r.printer = output.NewPrinter(r.file, false, r.query)
	return nil
}

// temporary is the file's name before it is published. There is one for a batch, so
// that what a killed run has left is overwritten.
func (r *results) temporary() string {
	return filepath.Join(filepath.Dir(r.path), "."+filepath.Base(r.path)+".narada")
}

// put writes the result of a line.
func (r *results) put(o Outcome) error {
	doc, err := encodeOutcome(o)
	if err == nil {
		err = r.printer.JSON(doc)
	}
	if err == nil || r.path == "" {
		return err
	}
	if writing, ok := errors.AsType[*output.WritingError](err); ok {
		err = writing.Err
	}
	return r.error(err)
}

func (r *results) error(err error) error { return &ResultsError{Path: r.path, Err: err} }

// publish gives the file its name.
func (r *results) publish() error {
	if r.file == nil || r.published {
		return nil
	}
	if err := os.Rename(r.temporary(), r.path); err != nil {
		return r.error(err)
	}
	r.published = true
	return nil
}

// close closes the file, which is on the disk afterwards. One that has not been
// published is, or, unless whole, is deleted: it has fewer results than the last run's.
func (r *results) close(whole bool) error {
	switch {
	case r.file == nil:
		return nil
	case !whole && !r.published:
		if err := errors.Join(r.file.Close(), os.Remove(r.temporary())); err != nil {
			return r.error(err)
		}
		return nil
	}
	err := r.publish()
	if r.regular && err == nil {
		err = r.file.Sync()
	}
	if err = errors.Join(err, r.file.Close()); err == nil {
		return nil
	}
	if failed, ok := errors.AsType[*ResultsError](err); ok {
		return failed
	}
	return r.error(err)
}
