package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/webhook"
)

// ReadyFileError says that a ready file cannot be at its path.
type ReadyFileError struct{ Err error }

func (e *ReadyFileError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *ReadyFileError) Unwrap() error { return e.Err }

// readyFile is the file that tells a script that the address answers. With no path
// there is none.
type readyFile struct {
	path    string
	content []byte // as we wrote it
}

// newReadyFile removes a stale file at path, and finds out whether one can be
// written there. The error is a *ReadyFileError.
func newReadyFile(path string) (*readyFile, error) {
	if path == "" {
		return &readyFile{}, nil
	}
	if err := removeStale(path); err != nil {
		return nil, &ReadyFileError{err}
	}
	if err := atomicfile.CheckFolder(filepath.Dir(path)); err != nil {
		return nil, &ReadyFileError{err}
	}
	return &readyFile{path: path}, nil
}

// removeStale removes what an earlier listener has left at path. A file that is
// something else is not ours to remove.
func removeStale(path string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var old struct {
		URL    string `json:"url"`
		Secret string `json:"secret"`
	}
	if len(bytes.TrimSpace(content)) > 0 && (json.Unmarshal(content, &old) != nil || old.URL == "") {
		return fmt.Errorf("%s is there, and not a ready file: it is left alone", path)
	}
	return os.Remove(path)
}

// write puts address, secret and headers in the file, which is there as a whole
// or not at all, with mode 0600.
func (r *readyFile) write(url string, t webhook.Ticket) error {
	if r.path == "" {
		return nil
	}
	headers := map[string]string{}
	for name := range t.Header {
		headers[name] = t.Header.Get(name)
	}
	doc, err := output.EncodeJSON(struct {
		URL     string            `json:"url"`
		Secret  string            `json:"secret"`
		Headers map[string]string `json:"headers"`
	}{url, t.Secret, headers})
	if err != nil {
		return err
	}
	r.content = append(doc, '\n')
	return atomicfile.Write(r.path, r.content)
}

// remove takes the file away, unless another's stands there by now.
func (r *readyFile) remove() error {
	if r.content == nil {
		return nil
	}
	if b, err := os.ReadFile(r.path); err != nil || !bytes.Equal(b, r.content) {
		return nil
	}
	return os.Remove(r.path)
}
