package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/webhook"
)

// ReadyFileError says why a ready file cannot be written.
type ReadyFileError struct{ Err error }

func (e *ReadyFileError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *ReadyFileError) Unwrap() error { return e.Err }

// readyFile is the file that shows a script that the address answers. Without a path
// there is no file.
type readyFile struct {
	path    string
	content []byte // as written
}

type readyContent struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// newReadyFile removes a stale file at path and checks that one can be written there.
// The error is a *ReadyFileError.
func newReadyFile(path string) (*readyFile, error) {
	switch path {
	case "":
		return &readyFile{}, nil
	case "-":
		return nil, &ReadyFileError{errors.New("expected a path, not - (stdout)")}
	}
	if err := removeStale(path); err != nil {
		return nil, &ReadyFileError{err}
	}
	if err := atomicfile.CheckFolder(filepath.Dir(path)); err != nil {
		return nil, &ReadyFileError{textfile.Named(filepath.Dir(path), err)}
	}
	return &readyFile{path: path}, nil
}

// removeStale removes an earlier listener's ready file at path, and no other file.
func removeStale(path string) error {
	content, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return textfile.Named(path, err)
	}
	var old readyContent
	if len(bytes.TrimSpace(content)) > 0 && (json.Unmarshal(content, &old) != nil || old.URL == "") {
		return fmt.Errorf("%s exists and is not a ready file", path)
	}
	return atomicfile.Remove(path)
}

// maxReadyFile is the maximum size of a ready file in bytes.
const maxReadyFile = 1 << 20

// readRegular reads a regular file; a link or another kind of file is an error. What is too
// large for a ready file is cut.
func readRegular(path string) ([]byte, error) {
	f, err := textfile.OpenUnlinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxReadyFile))
}

// write writes address, secret and headers to an atomic file with mode 0600. A replica does
// not know those of the first one.
func (r *readyFile) write(url string, t webhook.Ticket) error {
	if r.path == "" {
		return nil
	}
	ready := readyContent{URL: url}
	if t.Secret != "" {
		ready.Secret, ready.Headers = t.Secret, map[string]string{}
		for name := range t.Header {
			ready.Headers[name] = t.Header.Get(name)
		}
	}
	doc, err := narada.EncodeJSON(ready)
	if err != nil {
		return err
	}
	r.content = append(doc, '\n')
	return atomicfile.Write(r.path, r.content)
}

// remove removes the file, unless another listener has replaced it.
func (r *readyFile) remove() error {
	if r.content == nil {
		return nil
	}
	if b, err := readRegular(r.path); err != nil || !bytes.Equal(b, r.content) {
		return nil
	}
	return atomicfile.Remove(r.path)
}
