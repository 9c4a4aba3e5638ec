//go:build unix

package signals

import "syscall"

// withoutCore writes no core file: it would have the secrets in memory.
func withoutCore() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // else there is a core file
	}
}
