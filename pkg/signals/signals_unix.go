//go:build unix

package signals

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// withoutCore writes no core file: it would have the secrets in memory.
func withoutCore() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // else there is a core file
	}
}

// die ends the program by the signal, if that works.
func die(s os.Signal) {
	signal.Reset(s)
	self, err := os.FindProcess(os.Getpid())
	if err == nil && self.Signal(s) == nil {
		time.Sleep(time.Second) // until the signal arrives
	}
}

// Interrupt interrupts the program itself, as Ctrl-C does.
func Interrupt() error { return syscall.Kill(os.Getpid(), syscall.SIGINT) }
