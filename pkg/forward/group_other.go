//go:build !unix

package forward

import "os/exec"

// inOwnGroup does nothing where there are no process groups: the command alone is
// killed when its context ends.
func inOwnGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}
