package sandbox

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The limits of the storage, which is a temporary folder.
const (
	maxUpload    = 2 << 30   // bytes of one upload, its form included
	maxStored    = 4 << 30   // bytes of all uploads, those under way too; the oldest are deleted first
	maxForms     = 10_000    // presigned forms, used ones too; the oldest are forgotten first, but for those in use
	maxFormField = 64 << 10  // bytes of a form's fields together
	maxSmallBody = 1 << 20   // bytes of a body that is not a dispatch's
	transferTime = time.Hour // for one upload
)

// Upload is a file that was uploaded.
type Upload struct {
	Key      string
	Filename string // as it was asked for
	Size     int64  // bytes
	Path     string // of its content, until the sandbox is closed
}

// upload is a presigned form, and the file that came with it.
type upload struct {
	key, filename, policy string
	path                  string // "": no file has come yet
	size                  int64  // bytes, or those that are kept free for what is under way
	busy                  bool   // an upload is under way
}

// storage keeps what is uploaded. The cloud's lock guards it.
type storage struct {
	dir     string // "": nothing was stored yet
	byKey   map[string]*upload
	forms   []*upload // oldest first
	stored  int64     // bytes
	counter int
}

// Uploads lists the files that were uploaded and are still there, oldest first.
func (c *Cloud) Uploads() []Upload {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Upload
	for _, u := range c.storage.forms {
		if u.path != "" {
			list = append(list, Upload{Key: u.key, Filename: u.filename, Size: u.size, Path: u.path})
		}
	}
	return list
}

// presign answers POST /remote-dispatch/generate-file-upload-presigned-post.
func (c *Cloud) presign(w http.ResponseWriter, r *http.Request) answer {
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
	u := &upload{key: fmt.Sprintf("sandbox/%d-%s", c.storage.counter, name), filename: asked.Filename, policy: token}
	c.storage.add(u)
	return success(struct {
		URL    string     `json:"url"`
		Fields formFields `json:"fields"`
	}{"http://" + r.Host + storeUploadPath, formFields{u.key, u.policy, "AWS4-HMAC-SHA256"}})
}

// formFields are a form's, all of them texts.
type formFields struct {
	Key       string `json:"key"`
	Policy    string `json:"policy"`
	Algorithm string `json:"x-amz-algorithm"`
}

func (s *storage) add(u *upload) {
	if s.byKey == nil {
		s.byKey = make(map[string]*upload)
	}
	if i := slices.IndexFunc(s.forms, func(u *upload) bool { return !u.busy }); len(s.forms) >= maxForms && i >= 0 {
		s.forget(i)
	}
	s.byKey[u.key] = u
	s.forms = append(s.forms, u)
}

// forget drops a form and its file.
func (s *storage) forget(i int) {
	u := s.forms[i]
	s.forms = slices.Delete(s.forms, i, i+1)
	delete(s.byKey, u.key)
	if u.path != "" {
		s.stored -= u.size
		_ = os.Remove(u.path) // a file less is what was wanted
	}
}

// storeUpload answers the POST of a presigned form. It is the storage's, so its
// errors are XML.
func (c *Cloud) storeUpload(w http.ResponseWriter, r *http.Request) answer {
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
	fields, file, odd := readFields(parts)
	if odd != "" {
		return storageAnswer(http.StatusBadRequest, "MalformedPOSTRequest", odd)
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

// reserve finds the form that an upload is for, and makes room for so many bytes.
// Without a form it returns what to answer.
func (c *Cloud) reserve(fields map[string]string, bytes int64) (u *upload, refused answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u = c.storage.byKey[fields["key"]]
	switch {
	case u == nil || u.policy != fields["policy"]:
		return nil, storageAnswer(http.StatusForbidden, "AccessDenied", "Invalid according to Policy")
	case u.busy || u.path != "":
		return nil, storageAnswer(http.StatusConflict, "OperationAborted", "The form is used already")
	case bytes > c.options.MaxUpload:
		return nil, storageAnswer(http.StatusBadRequest, "EntityTooLarge", fmt.Sprintf("The sandbox takes uploads of up to %d bytes", c.options.MaxUpload))
	case !c.storage.room(bytes, c.options.MaxStored):
		return nil, storageAnswer(http.StatusServiceUnavailable, "SlowDown", "Too much is being uploaded at once")
	}
	u.busy, u.size = true, bytes
	c.storage.stored += bytes
	return u, answer{}
}

// room deletes the oldest files until there is room for so many bytes more.
func (s *storage) room(bytes, most int64) bool {
	reserved := bytes // with what is under way, which stays
	for _, u := range s.forms {
		if u.busy {
			reserved += u.size
		}
	}
	if reserved > most {
		return false
	}
	for s.stored+bytes > most {
		s.forget(slices.IndexFunc(s.forms, func(u *upload) bool { return u.path != "" }))
	}
	return true
}

// allowTime gives a transfer more time than other calls have. Connections that
// have no deadlines have all the time there is.
func allowTime(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	until := time.Now().Add(transferTime)
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until)
}

// readFields reads a form up to its file, or says what is odd about it. What
// follows the file is not looked at.
func readFields(parts *multipart.Reader) (fields map[string]string, file io.Reader, odd string) {
	fields = make(map[string]string)
	for left := int64(maxFormField); ; {
		part, err := parts.NextPart()
		if err != nil {
			return nil, nil, "The body of your POST request has no file field"
		}
		if part.FormName() == "file" {
			return fields, part, ""
		}
		value, err := io.ReadAll(io.LimitReader(part, left+1))
		if left -= int64(len(value)); err != nil || left < 0 {
			return nil, nil, "The fields of your POST request are too large or do not end"
		}
		fields[part.FormName()] = string(value)
	}
}

// keep writes a file to the temporary folder.
func (c *Cloud) keep(file io.Reader) (path string, size int64, err error) {
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

// folder makes the temporary folder, the first time.
func (c *Cloud) folder() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", &fs.PathError{Op: "create", Path: "the upload folder", Err: errors.New("the sandbox is closing")}
	}
	if c.storage.dir == "" {
		dir, err := os.MkdirTemp("", "narada-sandbox-")
		if err != nil {
			return "", err
		}
		c.storage.dir = dir
	}
	return c.storage.dir, nil
}

// stored notes what came of an upload, and reports whether the file is kept.
func (c *Cloud) stored(u *upload, path string, size int64, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storage.stored -= u.size // that was kept free
	u.busy, u.size = false, 0
	if err != nil {
		return false
	}
	if c.closed { // and the folder with it
		_ = os.Remove(path)
		return false
	}
	u.path, u.size = path, size
	c.storage.stored += size
	c.stats.Uploads++
	return true
}

// unused reports whether the key is of a form that no file came with. A key that
// the sandbox does not know is none of its own, and let through.
func (c *Cloud) unused(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.storage.byKey[key]
	return u != nil && u.path == ""
}

// removeFolder deletes all files.
func (c *Cloud) removeFolder() {
	c.mu.Lock()
	dir := c.storage.dir
	c.storage = storage{}
	c.mu.Unlock()
	if dir != "" {
		_ = os.RemoveAll(filepath.Clean(dir)) // it is a temporary folder: the system has an eye on those
	}
}

// storageAnswer is an error as S3 words it.
func storageAnswer(status int, code, message string) answer {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	_ = xml.NewEncoder(&b).Encode(struct { // a buffer takes everything
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	return answer{status: status, body: b.Bytes(), header: http.Header{"Content-Type": {"application/xml"}}}
}
