//go:build !windows

package oserr

import "syscall"

var (
	refused  = []syscall.Errno{syscall.ECONNREFUSED}
	unread   = []syscall.Errno{syscall.EPIPE}
	full     = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}
	readOnly = []syscall.Errno{syscall.EROFS, syscall.ENOTDIR}

	addressInUse = []syscall.Errno{syscall.EADDRINUSE}

	inUse []syscall.Errno

	words []wording // these are the texts
)
