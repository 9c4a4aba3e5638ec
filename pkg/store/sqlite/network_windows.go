package sqlite

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// networkFileSystem returns the type of dir's network file system, "" for a local one.
func networkFileSystem(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil || windows.GetDriveType(root) != windows.DRIVE_REMOTE {
		return ""
	}
	return "a network drive"
}
