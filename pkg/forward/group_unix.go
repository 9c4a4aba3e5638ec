//go:build unix

package forward

import (
	"os/exec"
	"syscall"
)

// group is a process group: the command and the processes that it starts.
type group struct{ c *exec.Cmd }

// startGroup starts the command in a group, which gets SIGTERM when its context ends.
func startGroup(c *exec.Cmd) (group, error) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	return group{c}, c.Start()
}

// kill kills the remaining processes of the group.
func (g group) kill() error {
	if g.c.Process == nil {
		return nil
	}
	return syscall.Kill(-g.c.Process.Pid, syscall.SIGKILL)
}

func (group) release() {}
