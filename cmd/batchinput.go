package cmd

import (
	"errors"
	"io"
	"os"
)

// batchInput is an input that can be read more than once.
type batchInput struct {
	name  string
	f     *os.File
	info  os.FileInfo // of a file of the user's; nil: a copy of ours
	spool string
}

// openBatchInput opens the file; what cannot be read twice is copied first.
func (inv *invocation) openBatchInput(path string) (*batchInput, error) {
	in := &batchInput{name: path}
	var from io.Reader
	if path == "-" {
		if inv.app.StdinTerminal {
			return nil, usageError("narada batch run FILE", "stdin is a terminal: pipe the tasks in")
		}
		r, err := inv.source.TakeStdin()
		if err != nil {
			return nil, usageError("", "%v", err)
		}
		from = r
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError("", "%s: %v", path, plainPathError(err))
		}
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = errors.New("it is a folder")
		}
		if err != nil {
			_ = f.Close()
			return nil, usageError("", "%s: %v", path, plainPathError(err))
		}
		if info.Mode().IsRegular() {
			in.f, in.info = f, info
			return in, nil
		}
		defer f.Close()
		from = f
	}
	spool, err := os.CreateTemp("", "narada-batch-*") // made with mode 0600
	if err == nil {
		in.f, in.spool = spool, spool.Name()
		_, err = io.Copy(spool, from)
	}
	if err != nil {
		in.Close()
		return nil, usageError("", "%s: %v", in.title(), err)
	}
	return in, nil
}

// title is what messages call the input.
func (in *batchInput) title() string {
	if in.name == "-" {
		return "standard input"
	}
	return in.name
}

// rewind returns the input from its beginning.
func (in *batchInput) rewind() (io.Reader, error) {
	if in.info != nil {
		now, err := in.f.Stat()
		if err != nil {
			return nil, err
		}
		if now.Size() != in.info.Size() || !now.ModTime().Equal(in.info.ModTime()) {
			return nil, usageError("run it again", "%s: it has changed while it was read", in.title())
		}
	}
	_, err := in.f.Seek(0, io.SeekStart)
	return in.f, err
}

// Close closes the input, and takes the copy away.
func (in *batchInput) Close() {
	if in.f != nil {
		_ = in.f.Close() // nothing was written that matters
	}
	if in.spool != "" {
		_ = os.Remove(in.spool)
	}
}
