package task

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/narada"
)

// Upload is a file that goes to the cloud before the task does.
type Upload struct {
	Path     string // as it was written
	Name     string // base name
	MIMEType string
	Size     int64 // bytes, when it was looked at

	open func() (*os.File, error)
	info fs.FileInfo
	key  string                   // what stands in the request until the file is there
	uses []func(*narada.Uploaded) // put the key into the request
}

// Key is what stands in the request in the place of the key that the cloud gives
// out: UPLOAD_KEY_1, UPLOAD_KEY_2 and so on.
func (u *Upload) Key() string { return u.key }

// Open opens the file, to be read from its beginning. A file that is no longer
// what it was when it was looked at is an error about the input.
func (u *Upload) Open() (*os.File, error) {
	f, err := u.open()
	if err != nil {
		return nil, inputError("", "%v", plainError(u.Path, err))
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

// Done puts the uploaded file into the request.
func (u *Upload) Done(uploaded *narada.Uploaded) {
	for _, use := range u.uses {
		use(uploaded)
	}
}

// disk is where files are read from.
type disk interface {
	stat(path string) (fs.FileInfo, error)
	open(path string) (*os.File, error)
}

// anywhere is the whole disk: for what a person names on the command line.
type anywhere struct{}

func (anywhere) stat(path string) (fs.FileInfo, error) { return os.Stat(path) }
func (anywhere) open(path string) (*os.File, error)    { return os.Open(path) }

// nowhere is no disk: for what may name no files.
type nowhere struct{}

var errNowhere = errors.New("a line cannot name files or environment variables; use a flag, which applies to all lines")

func (nowhere) stat(string) (fs.FileInfo, error) { return nil, errNowhere }
func (nowhere) open(string) (*os.File, error)    { return nil, errNowhere }

// folder is one folder and what is below it: for what a file names that may have
// come from elsewhere. Neither .. nor a link leads out of it.
type folder struct{ dir string }

func (f folder) stat(path string) (info fs.FileInfo, err error) {
	err = f.within(path, func(root *os.Root) error {
		info, err = root.Stat(path)
		return err
	})
	return info, err
}

func (f folder) open(path string) (file *os.File, err error) {
	err = f.within(path, func(root *os.Root) error {
		file, err = root.Open(path)
		return err
	})
	return file, err
}

func (f folder) within(path string, do func(*os.Root) error) error {
	if !filepath.IsLocal(path) {
		return fmt.Errorf("a path must stay inside the folder of the file that names it, %s", f.dir)
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return do(root)
}

// upload plans the upload of a file, once however often it is named. use is told
// of the outcome; until then it is given the placeholder, now.
func (p *Plan) upload(d disk, path string, use func(*narada.Uploaded)) error {
	if path == "" {
		return fmt.Errorf("the file name is empty")
	}
	info, err := d.stat(path)
	if errors.Is(err, errNowhere) {
		return err
	}
	if err != nil {
		return plainError(path, err)
	}
	name := filepath.Base(path)
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a folder", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty", path)
	}
	u := p.planned(info, name)
	if u == nil {
		f, err := d.open(path) // to find out now whether it may be read
		if err != nil {
			return plainError(path, err)
		}
		_ = f.Close()
		u = &Upload{
			Path: path, Name: name, MIMEType: narada.MIMEType(name), Size: info.Size(),
			open: func() (*os.File, error) { return d.open(path) },
			info: info, key: fmt.Sprintf("UPLOAD_KEY_%d", len(p.Uploads)+1),
		}
		p.Uploads = append(p.Uploads, u)
	}
	u.uses = append(u.uses, use)
	use(&narada.Uploaded{Key: u.key, Filename: u.Name, MIMEType: u.MIMEType})
	return nil
}

// planned finds the upload of the same file under the same name.
func (p *Plan) planned(info fs.FileInfo, name string) *Upload {
	for _, u := range p.Uploads {
		if u.Name == name && os.SameFile(u.info, info) {
			return u
		}
	}
	return nil
}

// fileVariable plans the upload of a file for an input variable, and returns the
// variable's value.
func (p *Plan) fileVariable(d disk, path string) (*narada.FileVariable, error) {
	value := &narada.FileVariable{}
	err := p.upload(d, path, func(u *narada.Uploaded) { *value = u.Variable() })
	return value, err
}

// attach plans the upload of the task's attachment.
func (p *Plan) attach(d disk, path string) error {
	return p.upload(d, path, func(u *narada.Uploaded) { p.Request.Attachment = u.Attachment() })
}
