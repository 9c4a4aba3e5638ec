package oserr

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestAConnectionThatNothingAcceptsIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); !Refused(err) || Unread(err) {
		t.Errorf("got %v", err)
	}
}

func TestAPipeWhoseReaderIsGoneIsUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("x"); !Unread(err) || Refused(err) {
		t.Errorf("got %v", err)
	}
}

func TestAFileIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(path, 0o700); !ReadOnly(err) || Full(err) {
		t.Errorf("got %v", err)
	}
	if Full(nil) || Full(errors.New("x")) {
		t.Error("no error of the system is a full disk")
	}
}

// The texts are the same on all systems.
func TestErrorsOfFilesHaveTheTextsOfUnix(t *testing.T) {
	dir := t.TempDir()
	_, missing := os.Open(filepath.Join(dir, "none"))
	_, lost := os.Open(filepath.Join(dir, "no", "folder"))
	for want, test := range map[error]struct {
		err  error
		text string
	}{
		missing:                       {fs.ErrNotExist, "no such file or directory"},
		lost:                          {fs.ErrNotExist, "no such file or directory"},
		os.Mkdir(dir, 0o700):          {fs.ErrExist, "file exists"},
		&fs.PathError{Err: errClosed}: {errClosed, "closed"},
	} {
		failure, ok := errors.AsType[*fs.PathError](want)
		if !ok {
			t.Fatalf("got %v", want)
		}
		if err := Worded(failure.Err); err.Error() != test.text || !errors.Is(err, test.err) {
			t.Errorf("%v: got %v", failure.Err, err)
		}
	}
}

var errClosed = errors.New("closed")
