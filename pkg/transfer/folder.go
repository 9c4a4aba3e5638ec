package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/narada"
)

// maxName limits the bytes of a name; file systems allow 255.
const maxName = 200

// Name returns a file name that is safe on any system: it removes folders, and replaces a
// leading dot and characters that a system refuses by _. An empty name becomes "download".
func Name(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsGraphic(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimRight(shorten(strings.TrimSpace(name)), ". ")
	if name == "" {
		return "download"
	}
	if stem, _, _ := strings.Cut(strings.ToUpper(name), "."); isDevice(strings.TrimSpace(stem)) {
		name = "_" + name
	}
	if name[0] == '.' { // a hidden file, which programs may read unasked
		name = "_" + name[1:]
	}
	return name
}

// isDevice reports whether the name is that of a device on Windows.
func isDevice(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
}

// shorten shortens a long name and keeps its extension.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ending := filepath.Ext(name)
	if len(ending) > maxName/4 {
		ending = ""
	}
	stem := name[:maxName-len(ending)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + ending
}

// Names returns safe names for files, unique also on case-insensitive file systems:
// "a.txt", "a (2).txt".
func Names(files []narada.Download) []string {
	taken := map[string]bool{}
	names := make([]string, len(files))
	for i, f := range files {
		safe := Name(f.Name)
		candidate := safe
		for n := 2; taken[strings.ToLower(candidate)]; n++ {
			ending := filepath.Ext(safe)
			candidate = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(safe, ending), n, ending)
		}
		taken[strings.ToLower(candidate)] = true
		names[i] = candidate
	}
	return names
}

// Folder is a folder to save files in. It must be closed.
type Folder struct{ root *os.Root }

// OpenFolder opens the folder, creating it if missing. It removes what killed processes have
// left of files that they were saving.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	atomicfile.RemoveParts(root)
	return &Folder{root}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// ErrFolder is a folder with the name of the file to save.
var ErrFolder = errors.New("a folder has this name")

// Check returns an error if a file called name cannot be saved: one that wraps fs.ErrExist
// if it exists and force is not set, or ErrFolder if it is a folder.
func (f *Folder) Check(name string, force bool) error {
	info, err := f.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return &fs.PathError{Op: "save", Path: name, Err: ErrFolder}
	case !force:
		return exists(name)
	}
	return nil
}

// ReadError is a failure to read the source of a file.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// Save writes r to a file called name and returns its size. The file has a temporary name
// until it is complete, and is removed on failure. An existing file is replaced with force,
// otherwise it is an error that wraps fs.ErrExist. An error of r is a *ReadError.
func (f *Folder) Save(name string, r io.Reader, force bool) (n int64, err error) {
	if err := f.Check(name, force); err != nil { // before reading; publish checks again
		return 0, err
	}
	part, temporary, err := atomicfile.Part(f.root, 0o666) // the umask narrows it
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.root.Remove(temporary) }() // fails if it was renamed
	n, err = io.Copy(part, &source{r})
	if err == nil {
		err = part.Sync()
	}
	if err := errors.Join(err, part.Close()); err != nil {
		return n, err
	}
	return n, f.publish(temporary, name, force)
}

type source struct{ r io.Reader }

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &ReadError{err}
	}
	return n, err
}

// publish renames the temporary file.
func (f *Folder) publish(part, name string, force bool) error {
	if force {
		return f.root.Rename(part, name)
	}
	// A link, unlike a rename, fails if the file exists.
	switch err := f.root.Link(part, name); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return exists(name)
	}
	if err := f.Check(name, force); err != nil {
		return err
	}
	return f.root.Rename(part, name) // a file system without links
}

func exists(name string) error { return &fs.PathError{Op: "save", Path: name, Err: fs.ErrExist} }
