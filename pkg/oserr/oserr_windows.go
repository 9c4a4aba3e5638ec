package oserr

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	refused  = []syscall.Errno{windows.WSAECONNREFUSED}
	unread   = []syscall.Errno{windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA}
	full     = []syscall.Errno{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}
	readOnly = []syscall.Errno{windows.ERROR_WRITE_PROTECT, windows.ERROR_DIRECTORY, windows.ERROR_PATH_NOT_FOUND}
	inUse    = []syscall.Errno{windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_ACCESS_DENIED}

	addressInUse = []syscall.Errno{windows.WSAEADDRINUSE, windows.WSAEACCES}

	words = []wording{
		{windows.ERROR_SHARING_VIOLATION, "another program is using it"},
		{windows.ERROR_DISK_FULL, "no space left on device"},
		{windows.ERROR_DIRECTORY, "not a directory"},
		{fs.ErrNotExist, "no such file or directory"},
		{fs.ErrPermission, "permission denied"},
		{fs.ErrExist, "file exists"},
	}
)
