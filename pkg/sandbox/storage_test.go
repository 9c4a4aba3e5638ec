package sandbox

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestAnUploadIsKeptUntilTheSandboxCloses(t *testing.T) {
	var folder string
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		u, err := w.client.Upload(t.Context(), narada.File{Name: "a.csv", Size: 4, Body: strings.NewReader("a,b\n")})
		if err != nil {
			t.Fatal(err)
		}
		list := w.Uploads()
		if len(list) != 1 || list[0].Key != u.Key || list[0].Filename != "a.csv" || list[0].Size != 4 {
			t.Fatalf("%+v", list)
		}
		if text, err := os.ReadFile(list[0].Path); err != nil || string(text) != "a,b\n" {
			t.Errorf("%q, %v", text, err)
		}
		folder = filepath.Dir(list[0].Path)
		id := w.dispatch(t, &narada.Request{
			Prompt: "x", Attachment: u.Attachment(),
			InputVariables: map[string]any{"list": []any{u.Variable()}},
		})
		if id == "" {
			t.Error("no ID")
		}
	})
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", folder, err)
	}
}

func TestStorageRequiresAPresignedForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		_, text := w.do(t, "POST", presignPath, `{"filename":"../dir/a.txt"}`, nil)
		if !strings.HasPrefix(text, `{"url":"http://localhost/storage/uploads","fields":{"key":"sandbox/1-a.txt","policy":"`) {
			t.Fatal(text)
		}
		policy := text[strings.Index(text, `"policy":"`)+10:]
		policy = policy[:strings.Index(policy, `"`)]
		post := func(header http.Header, fields ...string) string {
			t.Helper()
			var b bytes.Buffer
			form := multipart.NewWriter(&b)
			for i := 0; i < len(fields); i += 2 {
				if err := form.WriteField(fields[i], fields[i+1]); err != nil {
					t.Fatal(err)
				}
			}
			_ = form.Close()
			h := http.Header{"Content-Type": {form.FormDataContentType()}, "X-Api-Key": {""}}
			for name, values := range header {
				h[name] = values
			}
			status, text := w.do(t, "POST", storeUploadPath, b.String(), h)
			if status == http.StatusNoContent {
				return ""
			}
			_, text, _ = strings.Cut(text, "<Code>")
			code, _, _ := strings.Cut(text, "<")
			return code
		}
		for _, tt := range []struct {
			want   string
			header http.Header
			fields []string
		}{
			{"AccessDenied", nil, []string{"key", "sandbox/1-a.txt", "policy", "other", "file", "x"}},
			{"AccessDenied", nil, []string{"key", "sandbox/2-a.txt", "policy", policy, "file", "x"}},
			{"AccessDenied", nil, []string{"file", "x", "key", "sandbox/1-a.txt", "policy", policy}},
			{"MalformedPOSTRequest", nil, []string{"key", "sandbox/1-a.txt", "policy", policy}},
			{"MalformedPOSTRequest", nil, []string{"key", strings.Repeat("x", maxFormField+1), "file", "x"}},
			{"InvalidArgument", http.Header{"X-Api-Key": {"key"}}, []string{"key", "sandbox/1-a.txt", "policy", policy, "file", "x"}},
			{"PreconditionFailed", http.Header{"Content-Type": {"text/plain"}}, []string{"file", "x"}},
			{"", nil, []string{"key", "sandbox/1-a.txt", "policy", policy, "file", "x"}},
		} {
			if got := post(tt.header, tt.fields...); got != tt.want {
				t.Errorf("%.40q: %q, want %q", tt.fields, got, tt.want)
			}
		}
		if got := post(nil, "key", "sandbox/1-a.txt", "policy", policy, "file", "y"); got != "OperationAborted" {
			t.Errorf("used twice: %q", got)
		}
		if n := w.Stats().Uploads; n != 1 {
			t.Errorf("%d uploads", n)
		}
	})
}

func TestDispatchRefusesAFileThatWasNotUploaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		w.do(t, "POST", presignPath, `{"filename":"a.txt"}`, nil)
		for body, want := range map[string]string{
			`{"prompt":"x","attachment":{"key":"sandbox/1-a.txt"}}`:                                            `["body","attachment","key"]`,
			`{"prompt":"x","inputVariables":{"a":[{"source":"remoteDispatchUpload","id":"sandbox/1-a.txt"}]}}`: `["body","inputVariables","a",0,"id"]`,
		} {
			status, text := w.do(t, "POST", dispatchPath, body, nil)
			if status != 422 || !strings.Contains(text, want) || !strings.Contains(text, "was not uploaded") {
				t.Errorf("%s: %d %s", body, status, text)
			}
		}
	})
}

// The oldest form that is not in use is removed with its file.
func TestOldestFormsAreRemoved(t *testing.T) {
	var s storage
	path := filepath.Join(t.TempDir(), "first")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.add(&upload{Upload: Upload{Key: "first", Path: path, Size: 1}})
	s.stored = 1
	s.add(&upload{Upload: Upload{Key: "busy"}, busy: true})
	for range maxForms {
		s.add(&upload{Upload: Upload{Key: "more"}})
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) || s.byKey["first"] != nil || s.byKey["busy"] == nil || s.stored != 0 || len(s.forms) != maxForms {
		t.Errorf("%v, %d bytes, %d forms", err, s.stored, len(s.forms))
	}
}

func TestEveryCallCanHaveAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `faults: {presign: {status: 500}, upload: {status: 403}, startSession: {status: 503, retryAfter: 1}, stopSession: {cut: true}}`, nil)
		file := func() narada.File { return narada.File{Name: "a", Size: 1, Body: strings.NewReader("a")} }
		for _, want := range []string{"500", "403 Forbidden: AccessDenied: Forbidden", ""} {
			_, err := w.client.Upload(t.Context(), file())
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%v, want %s", err, want)
			}
		}
		_, err := w.client.StartSession(t.Context(), narada.SessionRequest{})
		if failure, ok := errors.AsType[*narada.SessionError](err); !ok || failure.Maybe {
			t.Errorf("%v", err)
		}
		s, err := w.client.StartSession(t.Context(), narada.SessionRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.client.StopSession(t.Context(), s.ID, narada.SessionComplete); err == nil {
			t.Error("no fault")
		}
		if err := w.client.StopSession(context.WithoutCancel(t.Context()), s.ID, narada.SessionComplete); err != nil {
			t.Error(err)
		}
	})
}

func TestStorageIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", func(o *Options) { o.MaxUpload, o.MaxStored = 3000, 7000 })
		upload := func(size int) error {
			t.Helper()
			_, err := w.client.Upload(t.Context(), narada.File{Name: "a", Size: int64(size), Body: strings.NewReader(strings.Repeat("x", size))})
			return err
		}
		err := upload(3000)
		if refused, ok := errors.AsType[*narada.StorageError](err); !ok || refused.Code != "EntityTooLarge" {
			t.Errorf("%v", err)
		}
		for range 5 {
			if err := upload(2000); err != nil {
				t.Fatal(err)
			}
		}
		// The oldest files were deleted.
		if list := w.Uploads(); len(list) != 3 || list[0].Key != "sandbox/4-a" {
			t.Errorf("%+v", list)
		}
	})
}

// A running upload counts with its declared size, and its form cannot be used again.
func TestStorageReservesSpaceForRunningUploads(t *testing.T) {
	c := newServer(Options{MaxStored: 100})
	defer c.stop(t.Context())
	for _, key := range []string{"a", "b"} {
		c.storage.add(&upload{Upload: Upload{Key: key}, policy: "p"})
	}
	fields := func(key string) map[string]string { return map[string]string{"key": key, "policy": "p"} }
	u, _ := c.reserve(fields("a"), 60)
	if u == nil {
		t.Fatal("the upload was refused")
	}
	if again, refused := c.reserve(fields("a"), 10); again != nil || refused.status != 409 {
		t.Errorf("%+v", refused)
	}
	c.storage.add(&upload{Upload: Upload{Key: "kept", Path: filepath.Join(t.TempDir(), "kept"), Size: 40}})
	c.storage.stored += 40
	if second, refused := c.reserve(fields("b"), 60); second != nil || refused.status != 503 {
		t.Errorf("%+v", refused)
	}
	if c.storage.byKey["kept"] == nil {
		t.Error("a file was deleted for an upload that was refused")
	}
	c.stored(u, "", 0, errors.New("connection lost"))
	if second, refused := c.reserve(fields("b"), 60); second == nil {
		t.Errorf("%+v", refused)
	}
}

// A full disk is an error of the server.
func TestFileThatCannotBeStoredIsAServerError(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	t.Setenv("TMP", none) // on Windows
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		_, err := w.client.Upload(t.Context(), narada.File{Name: "a", Size: 1, Body: strings.NewReader("a")})
		if refused, ok := errors.AsType[*narada.StorageError](err); !ok || refused.Code != "InternalError" || !refused.Temporary() {
			t.Errorf("%v", err)
		}
	})
}
