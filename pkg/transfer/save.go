package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"path/filepath"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
)

// Lister lists the files of a session. *narada.Client implements it.
type Lister interface {
	Downloads(ctx context.Context, sessionID string) ([]narada.Download, error)
}

// List lists the files that were downloaded in a session. failed is called for each call
// that is repeated.
func List(ctx context.Context, c Lister, sessionID string, failed func(err error, in time.Duration)) (list []narada.Download, err error) {
	err = await.Retry(ctx, func(ctx context.Context) (err error) {
		list, err = c.Downloads(ctx, sessionID)
		return err
	}, narada.Temporary, failed)
	return list, err
}

// Saving says how the files of a session are saved.
type Saving struct {
	Client    Client
	SessionID string
	Dir       string // created if it does not exist
	Force     bool   // overwrite files

	// Meter is called before each file. The meter is shown until stop is called.
	Meter func(name string, size int64) (m Meter, stop func())

	// Renamed, if not nil, is called for each file whose name is not safe, before any is
	// fetched.
	Renamed func(name, path string)
}

// Saved is a file that was saved.
type Saved struct {
	narada.Download
	Path  string
	Bytes int64 // size of what was saved
}

// SaveError is a file that was not saved.
type SaveError struct {
	Path string
	Err  error
}

func (e *SaveError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SaveError) Unwrap() error { return e.Err }

// DirError is a folder that cannot be opened.
type DirError struct{ Err error }

func (e *DirError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DirError) Unwrap() error { return e.Err }

// Save saves the files one after another, after checking the names of all. An error ends
// it: a *SaveError or a *DirError.
func (s Saving) Save(ctx context.Context, files []narada.Download) iter.Seq2[Saved, error] {
	return func(yield func(Saved, error) bool) {
		folder, err := OpenFolder(s.Dir)
		if err != nil {
			yield(Saved{}, &DirError{err})
			return
		}
		defer folder.Close()
		names := Names(files)
		if err := s.check(folder, names, files); err != nil {
			yield(Saved{}, err)
			return
		}
		for i, f := range files {
			saved := Saved{Download: f, Path: filepath.Join(s.Dir, names[i])}
			m, stop := s.Meter(names[i], f.Size)
			saved.Bytes, err = Download(ctx, s.Client, s.SessionID, f.Key, folder, names[i], s.Force, m)
			stop()
			if err != nil {
				yield(saved, &SaveError{saved.Path, err})
				return
			}
			if !yield(saved, nil) {
				return
			}
		}
	}
}

// check checks that files with these names can be saved, and reports those with another
// name.
func (s Saving) check(folder *Folder, names []string, files []narada.Download) error {
	for i, name := range names {
		path := filepath.Join(s.Dir, name)
		if err := folder.Check(name, s.Force); err != nil {
			return &SaveError{path, err}
		}
		if name != files[i].Name && s.Renamed != nil {
			s.Renamed(files[i].Name, path)
		}
	}
	return nil
}

// Document returns the cloud's object of the file, with the path added to it.
func (s Saved) Document() json.RawMessage {
	quoted, err := json.Marshal(s.Path)
	if err != nil {
		return s.Raw()
	}
	head := bytes.TrimRight(bytes.TrimSuffix(bytes.TrimSpace(s.Raw()), []byte("}")), " \t\r\n")
	return append(append(append(bytes.Clone(head), `,"path":`...), quoted...), '}')
}
