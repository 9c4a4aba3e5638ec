package forward

import (
	"errors"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// group is a job object: the command and the processes that it starts. They end with this
// process, even if it is killed, so that the next listener does not run the command beside
// them.
type group windows.Handle

// startGroup starts the command in a group. It gets no Ctrl-C; when its context ends, the group is
// killed.
func startGroup(c *exec.Cmd) (group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	g := group(job)
	if err == nil {
		err = g.limit(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)
	}
	if err != nil {
		return g, err
	}
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	c.Cancel = g.kill
	if err := c.Start(); err != nil {
		return g, err
	}
	// What it starts before it is in the job is not in the job: it has no time for that.
	if handleErr := c.Process.WithHandle(func(process uintptr) {
		err = windows.AssignProcessToJobObject(job, windows.Handle(process))
	}); err == nil {
		err = handleErr
	}
	if err != nil {
		return g, errors.Join(err, c.Process.Kill(), c.Wait())
	}
	return g, nil
}

func (g group) limit(flags uint32) error {
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: flags}}
	_, err := windows.SetInformationJobObject(windows.Handle(g), windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	return err
}

// kill kills the processes of the group.
func (g group) kill() error { return windows.TerminateJobObject(windows.Handle(g), 1) }

// release lets what the command has left running live on.
func (g group) release() {
	_ = g.limit(0) // else it ends here
	_ = windows.CloseHandle(windows.Handle(g))
}
