// Package atomicfile writes files atomically: a reader sees the old or the new content,
// never a part. After a crash either may be there.
//
// A temporary file has a random name and is always a new file: a link that someone has put
// into the folder is never followed.
//
// The package is private to narada.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/filelock"
	"github.com/narada-cli/narada/pkg/oserr"
	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Write replaces the file at path with content, with mode 0600. A link there is replaced.
func Write(path string, content []byte) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	f := &File{root: root, base: filepath.Base(path)}
	if f.File, f.name, err = Temporary(root, 0o600); err != nil {
		return errors.Join(err, root.Close())
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Close()
}

// Temporary creates a file with a random name in the folder.
func Temporary(root *os.Root, mode fs.FileMode) (f *os.File, name string, err error) {
	return temporary(root, prefix, mode)
}

// prefix is that of all temporary files.
const prefix = ".narada-"

func temporary(root *os.Root, prefix string, mode fs.FileMode) (f *os.File, name string, err error) {
	name = prefix + rand.Text()
	f, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, mode)
	if err == nil && mode == 0o600 {
		if err = private.Restrict(filepath.Join(root.Name(), name)); err != nil {
			return nil, "", errors.Join(err, f.Close(), root.Remove(name))
		}
	}
	return f, name, err
}

// Unnamed creates a temporary file that has no name: it disappears when it is closed,
// however this process ends.
func Unnamed() (*os.File, error) {
	root, err := os.OpenRoot(os.TempDir())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, name, err := Temporary(root, 0o600)
	if err != nil {
		return nil, err
	}
	if err := root.Remove(name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// File is a file that is written beside the one that it replaces.
type File struct {
	*os.File
	root      *os.Root
	name      string   // where it is
	base      string   // where it is published
	old       *os.File // what it replaces; nil: nothing
	published bool
}

// ErrBusy is the error of Create for a file that another process writes.
var ErrBusy = errors.New("another narada process is writing it")

// Create creates a file for path, where a link is not followed, and locks it: ErrBusy if it
// is locked. Its mode is that of the file it replaces, else mode. Without one to replace it
// is at path from the beginning.
func Create(path string, mode fs.FileMode) (*File, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	f := &File{root: root, base: filepath.Base(path)}
	if err := f.create(mode); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *File) create(mode fs.FileMode) error {
	here, created, err := f.lock(mode)
	if err != nil {
		return err
	}
	if created {
		f.File, f.name = here, f.base
		return nil
	}
	f.old = here
	info, err := here.Stat()
	if err != nil {
		return err
	}
	if f.File, f.name, err = temporary(f.root, f.leftovers(), 0o600); err != nil {
		return err
	}
	if _, err = filelock.TryLock(f.File); err == nil { // nobody else knows it
		err = f.Chmod(info.Mode().Perm())
	}
	if err != nil {
		_ = f.root.Remove(f.name) // the first error counts
	}
	return err
}

// leftovers removes what killed processes have left of files for this path, which is locked,
// and returns the prefix of their names.
func (f *File) leftovers() string {
	own := fmt.Sprintf("%s%08x-", prefix, crc32.ChecksumIEEE([]byte(f.base)))
	entries, _ := os.ReadDir(f.root.Name()) // they do no harm
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), own) {
			_ = f.root.Remove(e.Name())
		}
	}
	return own
}

// maxReplaced limits how often the file may be replaced while it is being locked.
const maxReplaced = 10

// lock opens the file, creating it if it is missing, and locks it. Whoever replaces it has
// locked what it is replaced with.
func (f *File) lock(mode fs.FileMode) (here *os.File, created bool, err error) {
	for range maxReplaced {
		here, err = f.root.OpenFile(f.base, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, mode)
		if created = err == nil; errors.Is(err, fs.ErrExist) {
			here, err = textfile.OpenToLockIn(f.root, f.base)
		}
		if errors.Is(err, fs.ErrNotExist) { // removed
			continue
		}
		if err != nil {
			return nil, false, err
		}
		ok, err := filelock.TryLock(here)
		if err == nil && !ok {
			err = ErrBusy
		}
		if err != nil {
			return nil, false, errors.Join(err, here.Close())
		}
		if isAt(f.root, f.base, here) {
			return here, created, nil
		}
		_ = here.Close() // nothing was written
	}
	return nil, false, ErrBusy
}

// isAt reports whether the open file is the one called name.
func isAt(root *os.Root, name string, f *os.File) bool {
	now, err := root.Lstat(name)
	opened, openedErr := f.Stat()
	return err == nil && openedErr == nil && os.SameFile(now, opened)
}

// Publish renames the file to its path before it is complete. Later writes are appended
// there.
func (f *File) Publish() error {
	if f.published {
		return nil
	}
	err := f.Sync()
	if err == nil && f.name != f.base {
		err = f.rename()
	}
	f.published = err == nil
	return err
}

// rename replaces the file at the path. Windows may refuse that for as long as it is open,
// here or in another program, such as one that looks for viruses.
func (f *File) rename() error {
	return whenFree(func() error {
		err := f.root.Rename(f.name, f.base)
		if oserr.InUse(err) && f.old != nil {
			_ = f.old.Close() // which ends its lock: the new file is locked
			f.old = nil
		}
		return err
	})
}

// maxInUse limits how long a file that another program uses is waited for.
const maxInUse = 2 * time.Second

// whenFree calls do until its error is not one of a file that is in use, for 2 s at most. On
// Windows a program that reads a file, such as one that looks for viruses, keeps others from
// replacing or removing it.
func whenFree(do func() error) error {
	err := do()
	for pause := 5 * time.Millisecond; oserr.InUse(err) && pause < maxInUse/2; pause *= 2 {
		time.Sleep(pause)
		err = do()
	}
	return err
}

// Remove removes the file at path.
func Remove(path string) error {
	return whenFree(func() error { return os.Remove(path) })
}

// Close syncs the file to the disk and publishes it. On an error it removes the file.
func (f *File) Close() error {
	err := f.Publish()
	if err == nil {
		err = f.Sync() // what was written since
	}
	if err != nil && !f.published {
		_ = f.root.Remove(f.name) // the first error counts
	}
	return errors.Join(err, f.close())
}

// Discard closes the file and, unless it is published, removes it.
func (f *File) Discard() error {
	if f.published {
		return f.Close()
	}
	return errors.Join(f.root.Remove(f.name), f.close())
}

func (f *File) close() (err error) {
	for _, file := range []*os.File{f.File, f.old} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return errors.Join(err, f.root.Close())
}

// CheckFolder returns an error if no file can be created in dir.
func CheckFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, name, err := Temporary(root, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), root.Remove(name))
}

// Same reports whether two paths are of one file, which need not exist.
func Same(a, b string) bool {
	one, err := os.Stat(a)
	if err == nil {
		other, err := os.Stat(b)
		return err == nil && os.SameFile(one, other)
	}
	a, err = filepath.Abs(a)
	if err == nil {
		b, err = filepath.Abs(b)
	}
	return err == nil && a == b
}
