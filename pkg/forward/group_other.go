//go:build !unix

package forward

import "os/exec"

// inOwnGroup does nothing without process groups: only the command itself is killed
// when its context ends.
func inOwnGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}
