package narada

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// storageCloud returns a client of a server that answers presign calls with a form for its
// path /s3, and requests to that path with store.
func storageCloud(t *testing.T, fields string, store http.HandlerFunc) *Client {
	t.Helper()
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/s3" {
			if key := r.Header.Get("x-api-key"); key != "" {
				t.Errorf("the storage got the API key %q", key)
			}
			store(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/fast/v2"+presign.path || r.Header.Get("x-api-key") != "key-1" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = fmt.Fprintf(w, `{"url":"http://%s/s3","fields":%s,"asked":%q}`, r.Host, fields, body)
	})
}

func TestUploadPostsTheFieldsAndThenTheFile(t *testing.T) {
	var got []string
	c := storageCloud(t, `{"policy":"p","key":"user-1/a.csv"}`, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength <= 0 {
			t.Errorf("content length %d", r.ContentLength)
		}
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for {
			part, err := parts.NextPart()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Error(err)
				return
			}
			body, _ := io.ReadAll(part)
			got = append(got, strings.TrimSpace(fmt.Sprintln(part.FormName(), part.FileName(), part.Header.Get("Content-Type"), string(body))))
		}
		w.WriteHeader(http.StatusSeeOther) // of S3: the file is stored
	})
	u, err := c.Upload(t.Context(), File{Name: `dir\sub/a "b".csv`, Size: 4, Body: strings.NewReader("a,b\n")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"policy   p", "key   user-1/a.csv", `file a "b".csv text/csv a,b`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Uploaded{Key: "user-1/a.csv", Filename: `a "b".csv`, MIMEType: "text/csv"}, u); diff != "" {
		t.Error(diff)
	}
	doc, err := EncodeJSON(map[string]any{"f": u.Variable(), "a": u.Attachment()})
	if err != nil || string(doc) != `{"a":{"key":"user-1/a.csv"},"f":{"source":"remoteDispatchUpload","id":"user-1/a.csv","filename":"a \"b\".csv","mimeType":"text/csv"}}` {
		t.Errorf("%s, %v", doc, err)
	}
}

func TestUploadOfAFileThatChangesFails(t *testing.T) {
	c := storageCloud(t, `{"key":"k"}`, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for _, text := range []string{"abc", "abcde", ""} {
		_, err := c.Upload(t.Context(), File{Name: "a", Size: 4, Body: strings.NewReader(text)})
		if !errors.Is(err, ErrFileChanged) {
			t.Errorf("%q: %v", text, err)
		}
	}
	broken := io.MultiReader(strings.NewReader("ab"), &failingReader{})
	if _, err := c.Upload(t.Context(), File{Name: "a", Size: 4, Body: broken}); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("%v", err)
	}
}

type failingReader struct{}

func (*failingReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestUploadReturnsTheReasonOfTheStorage(t *testing.T) {
	for _, size := range []int64{1, 3 << 20} {
		c := storageCloud(t, `{"key":"k"}`, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Policy
 expired.</Message></Error>`)
		})
		_, err := c.Upload(t.Context(), File{Name: "a", Size: size, Body: io.LimitReader(zeros{}, size)})
		refused, ok := errors.AsType[*StorageError](err)
		if !ok || refused.Temporary() || !strings.HasSuffix(err.Error(), ": 403 Forbidden: AccessDenied: Policy expired.") {
			t.Errorf("%v", err)
		}
	}
	c := storageCloud(t, `{"key":"k"}`, answerWith(503, map[string]string{"Retry-After": "2"}, "not XML"))
	_, err := c.Upload(t.Context(), File{Name: "a", Size: 1, Body: strings.NewReader("a")})
	if refused, ok := errors.AsType[*StorageError](err); !ok || !Temporary(err) || refused.RetryAfter.Seconds() != 2 {
		t.Errorf("%v", err)
	}
}

// A redirect means that the bucket is elsewhere: the file was not stored.
func TestRedirectedUploadFails(t *testing.T) {
	for status, want := range map[int]string{307: "it redirects to https://elsewhere.example", 301: "it redirects to https://elsewhere.example", 303: ""} {
		c := storageCloud(t, `{"key":"k"}`, answerWith(status, map[string]string{"Location": "https://elsewhere.example/b?sig=x"}, ""))
		_, err := c.Upload(t.Context(), File{Name: "a", Size: 1, Body: strings.NewReader("a")})
		if refused, ok := errors.AsType[*StorageError](err); want == "" && err != nil || want != "" && (!ok || refused.Message != want) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestInvalidPresignAnswersAreErrors(t *testing.T) {
	for answer, want := range map[string]string{
		`{"fields":{"key":"k"}}`:                                      "the answer has no URL",
		`{"url":"https://127.0.0.1:1/x"}`:                             "the answer has no key",
		`{"url":"https://127.0.0.1:1/x","fields":{"key":"k","n":1}}`:  `the form's field "n" is not text`,
		`{"url":"http://example.com/?sig=x","fields":{"key":"k"}}`:    "the URL in the answer is not an https URL: http://example.com",
		`{"url":"file:///etc/passwd","fields":{"key":"k"}}`:           "the answer has no URL",
		`{"url":"https://127.0.0.1:1/p?s=g","fields":{"key":"k"}}`:    `Post "https://127.0.0.1:1/p": dial tcp`,
		`{"url":"https://127.0.0.1:1/","fields":{"key":1}}`:           "the answer has no key",
		`{"url":"https://127.0.0.1:1/","fields":["key"]}`:             "the answer has no key",
		`{"url":"https://127.0.0.1:1/","fields":{"key":"","x":null}}`: "the answer has no key",
	} {
		c := newTestClient(t, answerWith(200, nil, answer))
		_, err := c.Upload(t.Context(), File{Name: "a", Size: 1, Body: strings.NewReader("a")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s=g") {
			t.Errorf("%s: %v, want %s", answer, err, want)
		}
	}
}

func TestUploadFileUploadsARegularFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "note.TXT")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stored string
	c := storageCloud(t, `{"key":"k"}`, func(_ http.ResponseWriter, r *http.Request) {
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		b, _ := io.ReadAll(f)
		stored = string(b)
	})
	u, err := c.UploadFile(t.Context(), path)
	if err != nil || stored != "hello" || u.Filename != "note.TXT" || u.MIMEType != "text/plain" {
		t.Errorf("%+v %q, %v", u, stored, err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UploadFile(t.Context(), path+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for path, want := range map[string]string{dir: "not a regular file", empty: "the file is empty"} {
		if _, err := c.UploadFile(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestMIMETypeIsTheSameOnEveryMachine(t *testing.T) {
	for name, want := range map[string]string{
		"a.txt": "text/plain", "a.CSV": "text/csv", "n.unknownext": "application/octet-stream", "none": "application/octet-stream",
		"reuse.bin": "application/octet-stream", "x.tar.gz": "application/gzip",
	} {
		if got := MIMEType(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The fields of a presigned form are not trusted.
func FuzzPresignedForm(f *testing.F) {
	for _, seed := range []string{`{"key":"k"}`, `{"key":"k","key":"l"}`, `{"a":null}`, `[]`, `{"key":"\r\nx"}`} {
		f.Add(seed, "a.txt")
	}
	f.Fuzz(func(t *testing.T, fields, name string) {
		form := &presignedPost{}
		form.fields, _ = members([]byte(fields))
		key, err := form.key()
		if err != nil {
			return
		}
		u := &Uploaded{Key: key, Filename: baseName(name), MIMEType: MIMEType(name)}
		head, tail, contentType, err := form.around(u)
		if err != nil {
			return
		}
		_, boundary, _ := strings.Cut(contentType, "boundary=")
		text := string(head) + "content" + string(tail)
		var last string
		r := multipart.NewReader(strings.NewReader(text), boundary)
		for {
			part, err := r.NextRawPart()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, base64.StdEncoding.EncodeToString([]byte(text)))
			}
			body, _ := io.ReadAll(part)
			last = string(body)
		}
		if last != "content" {
			t.Errorf("the file's part is %q", last)
		}
	})
}

// The signature of a form or a URL is a secret of the cloud's.
func TestPresignedURLsAreReportedBeforeTheyAreUsed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := "http://" + r.Host + "/storage"
		_, _ = fmt.Fprintf(w, `{"url":"%s","fields":{"key":"k","x-amz-signature":"s&1"},"presigned_url":"%s?X-Amz-Signature=s2"}`, address, address)
	}))
	defer server.Close()
	var told []string
	c, err := NewClient("key", WithBaseURL(server.URL), WithPresigned(func(address string) { told = append(told, address) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Upload(t.Context(), File{Name: "a", Size: 1, Body: strings.NewReader("a")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DownloadURL(t.Context(), "session_1", "k"); err != nil {
		t.Error(err)
	}
	want := []string{server.URL + "/storage", server.URL + "/?key=k&x-amz-signature=s%261", server.URL + "/storage?X-Amz-Signature=s2"}
	if !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}
