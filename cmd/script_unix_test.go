//go:build unix

package cmd

import (
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

func scriptGroup(ts *testscript.TestScript, neg bool, args []string) {
	want := wantCode(ts, neg, args, 3)
	c := programOf(ts, args[2:])
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	interrupted(ts, want, args[1], c, func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) })
}
