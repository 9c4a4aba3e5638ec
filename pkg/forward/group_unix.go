//go:build unix

package forward

import (
	"os/exec"
	"syscall"
)

// inOwnGroup has the command, and what it starts, be a process group of its own, so
// that all of it can be ended: by SIGTERM when its context ends.
func inOwnGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
}

// killGroup ends what is left of the group.
func killGroup(c *exec.Cmd) {
	if c.Process != nil {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // nobody may be left
	}
}
