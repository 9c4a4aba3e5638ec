package sandbox

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/atomicfile"
)

// The limits of the storage, which is a temporary folder.
const (
	maxUpload    = 2 << 30   // bytes of one upload, including its form
	maxStored    = 4 << 30   // bytes of all uploads, including running ones; the oldest are deleted first
	maxForms     = 10_000    // presigned forms; the oldest are removed first, except those in use
	maxFormField = 64 << 10  // bytes of all fields of a form
	maxSmallBody = 1 << 20   // bytes of a body, except that of a dispatch
	transferTime = time.Hour // for one upload
)

// Upload is an uploaded file.
type Upload struct {
	Key      string
	Filename string // in the request for the form
	Size     int64  // bytes
	Path     string // valid until the sandbox is closed
}

// upload is a presigned form and its file. Without a file, it has no path; during the
// upload, its size is reserved.
type upload struct {
	Upload
	policy string
	busy   bool // the upload is running
}

// storage has the uploads. The server's lock guards it.
type storage struct {
	dir     string // "": nothing is stored yet
	remove  func() // removes it
	byKey   map[string]*upload
	forms   []*upload // oldest first
	stored  int64     // bytes
	counter int
}

// Uploads lists the stored files, oldest first.
func (c *Server) Uploads() []Upload {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Upload
	for _, u := range c.storage.forms {
		if u.Path != "" {
			list = append(list, u.Upload)
		}
	}
	return list
}

// presign answers POST /remote-dispatch/generate-file-upload-presigned-post.
func (c *Server) presign(w http.ResponseWriter, r *http.Request) answer {
	var asked struct {
		Filename string `json:"filename"`
	}
	if refused, ok := readBody(w, r, &asked, object(field{"filename", true, isText})); !ok {
		return refused
	}
	token, err := c.random(16)
	if err != nil {
		return detail(http.StatusInternalServerError, "No randomness for a policy")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storage.counter++
	name := asked.Filename[strings.LastIndexAny(asked.Filename, `/\`)+1:]
	u := &upload{Upload: Upload{Key: fmt.Sprintf("sandbox/%d-%s", c.storage.counter, name), Filename: asked.Filename}, policy: token}
	c.storage.add(u)
	return success(struct {
		URL    string            `json:"url"`
		Fields map[string]string `json:"fields"`
	}{"http://" + r.Host + storeUploadPath, map[string]string{"key": u.Key, "policy": u.policy, "x-amz-algorithm": "AWS4-HMAC-SHA256"}})
}

func (s *storage) add(u *upload) {
	if s.byKey == nil {
		s.byKey = make(map[string]*upload)
	}
	if i := slices.IndexFunc(s.forms, func(u *upload) bool { return !u.busy }); len(s.forms) >= maxForms && i >= 0 {
		s.forget(i)
	}
	s.byKey[u.Key] = u
	s.forms = append(s.forms, u)
}

// forget removes a form and its file.
func (s *storage) forget(i int) {
	u := s.forms[i]
	s.forms = slices.Delete(s.forms, i, i+1)
	delete(s.byKey, u.Key)
	if u.Path != "" {
		s.stored -= u.Size
		_ = os.Remove(u.Path) // it may be gone already
	}
}

// storeUpload answers the POST of a presigned form. The storage's errors are XML.
func (c *Server) storeUpload(w http.ResponseWriter, r *http.Request) answer {
	switch {
	case r.Header.Get("x-api-key") != "":
		return storageAnswer(http.StatusBadRequest, "InvalidArgument", "The API key is not for the storage")
	case r.ContentLength < 0:
		return storageAnswer(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	allowTime(w)
	parts, err := r.MultipartReader()
	if err != nil {
		return storageAnswer(http.StatusPreconditionFailed, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	fields, file, wrong := readFields(parts)
	if wrong != "" {
		return storageAnswer(http.StatusBadRequest, "MalformedPOSTRequest", wrong)
	}
	u, refused := c.reserve(fields, r.ContentLength)
	if u == nil {
		return refused
	}
	path, size, err := c.keep(file)
	if !c.stored(u, path, size, err) {
		if _, ok := errors.AsType[*fs.PathError](err); !ok { // of the body
			return storageAnswer(http.StatusBadRequest, "IncompleteBody", "The upload was incomplete")
		}
		return storageAnswer(http.StatusInternalServerError, "InternalError", fmt.Sprintf("The file could not be stored: %v", err))
	}
	return answer{status: http.StatusNoContent}
}

// reserve finds the form of an upload and frees space for its bytes. If it cannot, it
// returns the answer.
func (c *Server) reserve(fields map[string]string, bytes int64) (u *upload, refused answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u = c.storage.byKey[fields["key"]]
	switch {
	case u == nil || u.policy != fields["policy"]:
		return nil, storageAnswer(http.StatusForbidden, "AccessDenied", "Invalid according to Policy")
	case u.busy || u.Path != "":
		return nil, storageAnswer(http.StatusConflict, "OperationAborted", "The form has been used already")
	case bytes > c.options.MaxUpload:
		return nil, storageAnswer(http.StatusBadRequest, "EntityTooLarge", fmt.Sprintf("The sandbox accepts uploads of up to %d bytes", c.options.MaxUpload))
	case !c.storage.room(bytes, c.options.MaxStored):
		return nil, storageAnswer(http.StatusServiceUnavailable, "SlowDown", "Too much is being uploaded at once")
	}
	u.busy, u.Size = true, bytes
	c.storage.stored += bytes
	return u, answer{}
}

// room deletes the oldest files until the bytes fit.
func (s *storage) room(bytes, limit int64) bool {
	reserved := bytes // with the running uploads
	for _, u := range s.forms {
		if u.busy {
			reserved += u.Size
		}
	}
	if reserved > limit {
		return false
	}
	for s.stored+bytes > limit {
		s.forget(slices.IndexFunc(s.forms, func(u *upload) bool { return u.Path != "" }))
	}
	return true
}

// allowTime extends the deadlines for a transfer. A connection may have none.
func allowTime(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	until := time.Now().Add(transferTime)
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until)
}

// readFields reads a form up to its file, or says what is wrong. It ignores what
// follows the file.
func readFields(parts *multipart.Reader) (fields map[string]string, file io.Reader, wrong string) {
	fields = make(map[string]string)
	for remaining := int64(maxFormField); ; {
		part, err := parts.NextPart()
		if err != nil {
			return nil, nil, "The body of your POST request has no file field"
		}
		if part.FormName() == "file" {
			return fields, part, ""
		}
		value, err := io.ReadAll(io.LimitReader(part, remaining+1))
		if remaining -= int64(len(value)); err != nil || remaining < 0 {
			return nil, nil, "The fields of your POST request are too large or do not end"
		}
		fields[part.FormName()] = string(value)
	}
}

// keep stores a file in the temporary folder.
func (c *Server) keep(file io.Reader) (path string, size int64, err error) {
	dir, err := c.folder()
	if err != nil {
		return "", 0, err
	}
	f, err := os.CreateTemp(dir, "upload-")
	if err != nil {
		return "", 0, err
	}
	size, err = io.Copy(f, file) // at most Content-Length bytes
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", 0, err
	}
	return f.Name(), size, nil
}

// folder returns the temporary folder.
func (c *Server) folder() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", &fs.PathError{Op: "create", Path: "the upload folder", Err: errors.New("the sandbox is closing")}
	}
	if c.storage.dir == "" {
		dir, remove, err := atomicfile.TemporaryFolder("narada-sandbox-")
		if err != nil {
			return "", err
		}
		c.storage.dir, c.storage.remove = dir, remove
	}
	return c.storage.dir, nil
}

// stored records the end of an upload, and reports whether the file is stored.
func (c *Server) stored(u *upload, path string, size int64, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storage.stored -= u.Size // the reservation
	u.busy, u.Size = false, 0
	if err != nil {
		return false
	}
	if c.closed { // the folder is gone
		_ = os.Remove(path)
		return false
	}
	u.Path, u.Size = path, size
	c.storage.stored += size
	c.stats.Uploads++
	return true
}

// unused reports whether the key is that of a form without a file. An unknown key is
// not.
func (c *Server) unused(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.storage.byKey[key]
	return u != nil && u.Path == ""
}

// removeFolder deletes all files.
func (c *Server) removeFolder() {
	c.mu.Lock()
	remove := c.storage.remove
	c.storage = storage{}
	c.mu.Unlock()
	if remove != nil {
		remove()
	}
}

// storageAnswer returns an error in the format of S3.
func storageAnswer(status int, code, message string) answer {
	body, _ := xml.Marshal(struct { // texts only: it cannot fail
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	return answer{status: status, body: slices.Concat([]byte(xml.Header), body), header: http.Header{"Content-Type": {"application/xml"}}}
}
