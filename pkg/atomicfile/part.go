package atomicfile

import (
	"io/fs"
	"os"
	"strings"

	"github.com/narada-cli/narada/pkg/filelock"
	"github.com/narada-cli/narada/pkg/textfile"
)

// partPrefix is that of parts.
const partPrefix = prefix + "part-"

// Part is Temporary for a file that takes long to write: what a killed process has left of it
// is removed by RemoveParts. It is locked until it is closed.
func Part(root *os.Root, mode fs.FileMode) (f *os.File, name string, err error) {
	for range maxReplaced {
		if f, name, err = temporary(root, partPrefix, mode); err != nil {
			return nil, "", err
		}
		ok, err := filelock.TryLock(f)
		if err == nil && ok && isAt(root, name, f) {
			return f, name, nil
		}
		_, _ = f.Close(), root.Remove(name) // another process was about to remove it
		if err != nil {
			return nil, "", err
		}
	}
	return nil, "", ErrBusy
}

// RemoveParts removes the parts in the folder that no process writes.
func RemoveParts(root *os.Root) {
	entries, _ := fs.ReadDir(root.FS(), ".") // they do no harm
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), partPrefix) || !e.Type().IsRegular() {
			continue
		}
		f, err := textfile.OpenToLockIn(root, e.Name())
		if err != nil {
			continue
		}
		if ok, err := filelock.TryLock(f); ok && err == nil {
			_ = root.Remove(e.Name())
		}
		_ = f.Close() // nothing was written
	}
}
