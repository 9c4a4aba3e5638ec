//go:build unix

package forward

import (
	"os/exec"
	"syscall"
)

// inOwnGroup runs the command in its own process group, which gets SIGTERM when the
// context ends.
func inOwnGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
}

// killGroup kills the remaining processes of the group.
func killGroup(c *exec.Cmd) {
	if c.Process != nil {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // the group may be empty
	}
}
