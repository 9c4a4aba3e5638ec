package transfer

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
)

// fakeClient fails a number of times before it succeeds.
type fakeClient struct {
	failures []error
	calls    int
	got      string
}

func (c *fakeClient) next() error {
	c.calls++
	if c.calls <= len(c.failures) {
		return c.failures[c.calls-1]
	}
	return nil
}

func (c *fakeClient) Upload(_ context.Context, f narada.File) (*narada.Uploaded, error) {
	content, err := io.ReadAll(f.Body)
	if err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	c.got = string(content)
	return &narada.Uploaded{Key: "key_1", Filename: f.Name, MIMEType: f.MIMEType}, nil
}

func (c *fakeClient) OpenDownload(context.Context, string, string) (io.ReadCloser, error) {
	switch err := c.next(); {
	case errors.Is(err, io.ErrUnexpectedEOF): // after a part of the body
		return io.NopCloser(io.MultiReader(strings.NewReader("cont"), iotest.ErrReader(err))), nil
	case err != nil:
		return nil, err
	}
	return io.NopCloser(strings.NewReader("content")), nil
}

// fakeMeter counts bytes, restarts and failures.
type fakeMeter struct{ bytes, failed int }

func (m *fakeMeter) Restart()                    { m.bytes = 0 }
func (m *fakeMeter) Add(n int)                   { m.bytes += n }
func (m *fakeMeter) Failed(error, time.Duration) { m.failed++ }

// planned returns the upload of a file with that content, and the request that attaches it.
func planned(t *testing.T, content string) (*task.Upload, *narada.Request) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := task.Spec{Prompt: "x", Raw: true, Agent: "operator", TimeZone: "UTC", Attach: []string{path}, AnyWindow: true}.Plan(&secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Uploads[0], plan.Request
}

func TestRetriedUploadStartsFromTheBeginning(t *testing.T) {
	unreachable := &url.Error{Op: "Post", URL: "https://storage.example", Err: errors.New("reset")}
	refused := &narada.StorageError{StatusCode: 403}
	for name, test := range map[string]struct {
		failures []error
		want     error
		calls    int
	}{
		"first attempt":      {nil, nil, 1},
		"interrupted before": {[]error{unreachable, &narada.StorageError{StatusCode: 503}}, nil, 3},
		"refused":            {[]error{unreachable, refused}, refused, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, request := planned(t, "content")
				c, m := &fakeClient{failures: test.failures}, &fakeMeter{}
				err := Upload(t.Context(), c, f, m)
				if !errors.Is(err, test.want) || c.calls != test.calls || m.failed != test.calls-1 || m.bytes != len("content") {
					t.Errorf("%v after %d calls, the meter has %+v", err, c.calls, m)
				}
				if sent := err == nil; sent != (request.Attachment.Key == "key_1") || sent != (c.got == "content") {
					t.Errorf("the cloud has %q, the request has %+v", c.got, request.Attachment)
				}
			})
		})
	}
}

func TestAFileThatHasChangedIsNotUploaded(t *testing.T) {
	f, _ := planned(t, "content")
	if err := os.WriteFile(f.Path, []byte("longer content"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &fakeClient{}
	_, isInput := errors.AsType[*task.InputError](Upload(t.Context(), c, f, &fakeMeter{}))
	if !isInput || c.calls != 0 {
		t.Errorf("bad input: %v, %d calls", isInput, c.calls)
	}
}

func TestRetriedDownloadStartsFromTheBeginning(t *testing.T) {
	gone := &narada.StorageError{StatusCode: 404}
	for name, test := range map[string]struct {
		failures []error
		want     error
		calls    int
	}{
		"first attempt": {nil, nil, 1},
		"interrupted":   {[]error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF}, nil, 3},
		"storage busy":  {[]error{&narada.StorageError{StatusCode: 503}}, nil, 2},
		"no such file":  {[]error{gone}, gone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				folder, err := OpenFolder(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer folder.Close()
				c, m := &fakeClient{failures: test.failures}, &fakeMeter{}
				size, err := Download(t.Context(), c, "s1", "k", folder, "a.txt", false, m)
				if !errors.Is(err, test.want) || c.calls != test.calls || m.failed != test.calls-1 {
					t.Errorf("%v after %d calls, the meter has %+v", err, c.calls, m)
				}
				content, _ := os.ReadFile(filepath.Join(dir, "a.txt"))
				if saved := err == nil; saved != (string(content) == "content") || saved != (size == 7) {
					t.Errorf("%q has %d bytes", content, size)
				}
				if entries, _ := os.ReadDir(dir); len(entries) > 1 || err != nil && len(entries) > 0 {
					t.Errorf("the folder has %v", entries)
				}
			})
		})
	}
}

func TestFilesAreOverwrittenOnlyWithForce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if _, err := Download(t.Context(), &fakeClient{}, "s1", "k", folder, "a.txt", false, &fakeMeter{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Download(t.Context(), &fakeClient{}, "s1", "k", folder, "a.txt", true, &fakeMeter{}); err != nil {
		t.Errorf("got %v", err)
	}
}
