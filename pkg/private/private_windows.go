package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/narada-cli/narada/pkg/oserr"
)

// inherited is for the access list of a folder: what is made in it has the list, too.
const inherited = "OICI"

// descriptor returns a security descriptor with the access list of a private file or folder.
func descriptor(flags string) (*windows.SECURITY_DESCRIPTOR, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	const all = "(A;%[1]s;FA;;;%[2]s)(A;%[1]s;FA;;;SY)(A;%[1]s;FA;;;BA)"
	return windows.SecurityDescriptorFromString(fmt.Sprintf("D:P"+all, flags, user.User.Sid))
}

func mkdirAll(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: oserr.Worded(windows.ERROR_DIRECTORY)}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) { // another process made it
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

func mkdir(dir string) error {
	sd, err := descriptor(inherited)
	if err != nil {
		return err
	}
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	return windows.CreateDirectory(path, &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd})
}

func restrict(path string) error {
	sd, err := descriptor("")
	if err != nil {
		return err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return err
	}
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil); err != nil {
		return &fs.PathError{Op: "restrict", Path: path, Err: err}
	}
	return nil
}
