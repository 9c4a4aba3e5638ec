package task

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Upload is a file to upload before the task is dispatched.
type Upload struct {
	Path     string // as written
	Name     string // base name
	MIMEType string
	Size     int64 // bytes, when the plan was made

	open func() (*os.File, error)
	info fs.FileInfo
	key  string                   // placeholder in the request until the file is uploaded
	uses []func(*narada.Uploaded) // set the key in the request
}

// Key returns the placeholder for the key in the request: UPLOAD_KEY_1, UPLOAD_KEY_2 and
// so on.
func (u *Upload) Key() string { return u.key }

// Open opens the file at its beginning. It is an error of the input if the file has
// changed since the plan was made.
func (u *Upload) Open() (*os.File, error) {
	f, err := u.open()
	if err != nil {
		return nil, inputError("", "%v", textfile.Named(u.Path, err))
	}
	info, err := f.Stat()
	if err == nil && (info.Size() != u.Size || !info.Mode().IsRegular()) {
		err = narada.ErrFileChanged
	}
	if err != nil {
		_ = f.Close()
		return nil, inputError("", "%s: %v", u.Path, err)
	}
	return f, nil
}

// Done sets the uploaded file in the request.
func (u *Upload) Done(uploaded *narada.Uploaded) {
	for _, use := range u.uses {
		use(uploaded)
	}
}

// disk is the part of the file system that may be read.
type disk interface {
	stat(path string) (fs.FileInfo, error)
	open(path string) (*os.File, error) // a regular file
}

// anywhere is the whole file system, for paths on the command line.
type anywhere struct{}

func (anywhere) stat(path string) (fs.FileInfo, error) { return os.Stat(path) }
func (anywhere) open(path string) (*os.File, error)    { return textfile.OpenRegular(path) }

// nowhere is for input that cannot name files.
type nowhere struct{}

var errNowhere = errors.New("a line cannot name files or environment variables; use a flag, which applies to all lines")

func (nowhere) stat(string) (fs.FileInfo, error) { return nil, errNowhere }
func (nowhere) open(string) (*os.File, error)    { return nil, errNowhere }

// folder is a folder and its contents, for paths in a file. Neither .. nor a link leads out
// of it.
type folder struct{ dir string }

func (f folder) stat(path string) (fs.FileInfo, error) { return within(f, path, (*os.Root).Stat) }
func (f folder) open(path string) (*os.File, error)    { return within(f, path, textfile.OpenRegularIn) }

// within does something with a path in the folder.
func within[T any](f folder, path string, do func(*os.Root, string) (T, error)) (result T, err error) {
	if !filepath.IsLocal(path) {
		return result, fmt.Errorf("a path must stay inside the folder of the file that names it, %s", f.dir)
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return result, err
	}
	defer root.Close()
	return do(root, path)
}

// upload plans the upload of a file, once even if it is named several times. It calls use
// with the placeholder; Done calls it with the uploaded file.
func (p *Plan) upload(d disk, path string, use func(*narada.Uploaded)) error {
	if path == "" {
		return errors.New("the file name is empty")
	}
	info, err := d.stat(path)
	if errors.Is(err, errNowhere) {
		return err
	}
	if err != nil {
		return textfile.Named(path, err)
	}
	name := filepath.Base(path)
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a folder", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty", path)
	case textfile.Check(name) != nil: // it is sent
		return fmt.Errorf("%q: the file name is %w", path, textfile.ErrNotText)
	}
	i := slices.IndexFunc(p.Uploads, func(u *Upload) bool { return u.Name == name && os.SameFile(u.info, info) })
	if i < 0 {
		f, err := d.open(path) // is it readable?
		if err != nil {
			return textfile.Named(path, err)
		}
		_ = f.Close()
		i = len(p.Uploads)
		p.Uploads = append(p.Uploads, &Upload{
			Path: path, Name: name, MIMEType: narada.MIMEType(name), Size: info.Size(),
			open: func() (*os.File, error) { return d.open(path) },
			info: info, key: fmt.Sprintf("UPLOAD_KEY_%d", i+1),
		})
	}
	u := p.Uploads[i]
	u.uses = append(u.uses, use)
	use(&narada.Uploaded{Key: u.key, Filename: u.Name, MIMEType: u.MIMEType})
	return nil
}

// fileVariable plans the upload of a file for an input variable, and returns its value.
func (p *Plan) fileVariable(d disk, path string) (*narada.FileVariable, error) {
	value := &narada.FileVariable{}
	err := p.upload(d, path, func(u *narada.Uploaded) { *value = u.Variable() })
	return value, err
}

// attach plans the upload of the task's attachment.
func (p *Plan) attach(d disk, path string) error {
	return p.upload(d, path, func(u *narada.Uploaded) { p.Request.Attachment = u.Attachment() })
}
