package narada

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode"
)

// File is a file to upload.
type File struct {
	Name     string    // that the agent sees; only the part after the last slash is sent
	MIMEType string    // "": MIMEType(Name)
	Size     int64     // of Body in bytes, exactly
	Body     io.Reader // read once, not closed
}

// Uploaded is a file in the cloud's storage.
type Uploaded struct {
	Key      string // that identifies it in a dispatch
	Filename string
	MIMEType string
}

// Attachment returns the file as the attachment of a Request.
func (u *Uploaded) Attachment() *Attachment { return &Attachment{Key: u.Key} }

// Variable returns the file as the value of an input variable of a Request.
func (u *Uploaded) Variable() FileVariable {
	return FileVariable{ID: u.Key, Filename: u.Filename, MIMEType: u.MIMEType}
}

// FileVariable is an uploaded file as the value of an input variable, or within one.
type FileVariable struct {
	ID       string // the upload's key
	Filename string
	MIMEType string
}

// MarshalJSON implements json.Marshaler, in the form that the API expects.
func (v FileVariable) MarshalJSON() ([]byte, error) {
	return EncodeJSON(struct {
		Source   string `json:"source"`
		ID       string `json:"id"`
		Filename string `json:"filename"`
		MIMEType string `json:"mimeType"`
	}{"remoteDispatchUpload", v.ID, v.Filename, v.MIMEType})
}

// ErrFileChanged is the error of an upload if Body is shorter or longer than Size.
var ErrFileChanged = errors.New("the file's length changed while it was read")

// continueFrom is the size, in bytes, from which Expect: 100-continue is sent.
const continueFrom = 1 << 20

// Upload uploads a file for use in a dispatch. It gets a presigned URL from the API and
// streams the file there, without the API key. It makes one attempt; a retry needs a Body
// that starts at the beginning.
//
// An error is an *APIError or *AnswerError of the API, a *StorageError of the storage, a
// network error, ErrFileChanged, or an error of Body's Read.
func (c *Client) Upload(ctx context.Context, f File) (*Uploaded, error) {
	u := &Uploaded{Filename: baseName(f.Name), MIMEType: f.MIMEType}
	if u.MIMEType == "" {
		u.MIMEType = MIMEType(u.Filename)
	}
	form, err := c.presignPost(ctx, u.Filename)
	if err != nil {
		return nil, err
	}
	if u.Key, err = form.key(); err != nil {
		return nil, err
	}
	head, tail, contentType, err := form.around(u)
	if err != nil {
		return nil, err
	}
	body := &exactReader{r: f.Body, left: f.Size}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, form.url.String(), io.MultiReader(bytes.NewReader(head), body, bytes.NewReader(tail)))
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(head)) + f.Size + int64(len(tail))
	req.Header.Set("Content-Type", contentType)
	if f.Size >= continueFrom {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := c.store(req)
	if failed := body.failed.Load(); failed != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, fmt.Errorf("upload %s: %w", u.Filename, *failed)
	}
	if err != nil {
		return nil, err
	}
	return u, resp.Body.Close()
}

// UploadFile uploads the file at path as Upload does. It must be a regular file and not
// empty.
func (c *Client) UploadFile(ctx context.Context, path string) (*Uploaded, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("upload %s: not a regular file", path)
	case info.Size() == 0:
		return nil, fmt.Errorf("upload %s: the file is empty", path)
	}
	return c.Upload(ctx, File{Name: filepath.Base(path), Size: info.Size(), Body: f})
}

// presignedPost is the form for the upload of one file.
type presignedPost struct {
	url    *url.URL
	fields []member // in order; the values are JSON strings
}

var presign = endpoint{http.MethodPost, "/remote-dispatch/generate-file-upload-presigned-post"}

func (c *Client) presignPost(ctx context.Context, filename string) (*presignedPost, error) {
	var said struct {
		URL    string          `json:"url"`
		Fields json.RawMessage `json:"fields"`
	}
	u, err := c.presigned(ctx, presign, "", map[string]string{"filename": filename}, &said, &said.URL)
	if err != nil {
		return nil, err
	}
	form := &presignedPost{url: u}
	form.fields, _ = members(said.Fields) // key reports what is missing
	query := url.Values{}
	for _, m := range form.fields {
		query.Add(m.name, lenientText(m.value))
	}
	c.presign(u.Scheme + "://" + u.Host + "/?" + query.Encode())
	return form, nil
}

func (p *presignedPost) key() (string, error) {
	value, _ := single(p.fields, "key")
	var key string
	if json.Unmarshal(value, &key) != nil || key == "" {
		return "", presign.odd("the answer has no key")
	}
	return key, nil
}

// around returns the form's body before and after the file, which must be the last
// field: the storage ignores what follows.
func (p *presignedPost) around(u *Uploaded) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, m := range p.fields {
		var value string
		if json.Unmarshal(m.value, &value) != nil || strings.ContainsFunc(m.name, unicode.IsControl) {
			return nil, nil, "", presign.odd(fmt.Sprintf("the form's field %q is not text", m.name))
		}
		if err := w.WriteField(m.name, value); err != nil {
			return nil, nil, "", err
		}
	}
	if _, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", u.Filename)},
		"Content-Type":        {u.MIMEType},
	}); err != nil {
		return nil, nil, "", err
	}
	n := b.Len()
	if err := w.Close(); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:n], b.Bytes()[n:], w.FormDataContentType(), nil
}

// exactReader reads r and fails if r has fewer or more than left bytes.
type exactReader struct {
	r      io.Reader
	left   int64
	failed atomic.Pointer[error] // the body may still be read after an early answer
}

// Read implements io.Reader.
func (e *exactReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p[:min(int64(len(p)), e.left+1)])
	e.left -= int64(n)
	if e.left < 0 || err == io.EOF && e.left > 0 {
		n, e.left, err = n+int(min(e.left, 0)), max(e.left, 0), ErrFileChanged
	}
	if err != nil && err != io.EOF {
		e.failed.Store(&err)
	}
	return n, err
}

// baseName returns the part of a name after its last slash or backslash, with control
// characters replaced.
func baseName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name[strings.LastIndexAny(name, `/\`)+1:], "_"))
}

// mimeTypes does not depend on the machine, unlike package mime.
var mimeTypes = map[string]string{
	".avif": "image/avif", ".bmp": "image/bmp", ".css": "text/css", ".csv": "text/csv", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".eml":  "message/rfc822", ".gif": "image/gif", ".gz": "application/gzip", ".htm": "text/html", ".html": "text/html",
	".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript", ".json": "application/json",
	".md": "text/markdown", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".odp": "application/vnd.oasis.opendocument.presentation",
	".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odt": "application/vnd.oasis.opendocument.text",
	".pdf": "application/pdf", ".png": "image/png", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".rtf":  "application/rtf", ".svg": "image/svg+xml", ".tif": "image/tiff", ".tiff": "image/tiff", ".tsv": "text/tab-separated-values",
	".txt": "text/plain", ".wav": "audio/x-wav", ".webm": "video/webm", ".webp": "image/webp", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml":  "text/xml", ".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip",
}

// MIMEType returns the MIME type for a file name's extension, application/octet-stream
// if it is unknown. It is the same on every machine.
func MIMEType(name string) string {
	ending := strings.ToLower(filepath.Ext(name))
	if known, ok := mimeTypes[ending]; ok {
		return known
	}
	return "application/octet-stream"
}
