package signals

import (
	"os"

	"golang.org/x/sys/windows"
)

// withoutCore does nothing: Go lets Windows write no dump of a program that crashes. Such a
// program exits with 2 all the same, which package runtime does not let us change.
func withoutCore() {}

// die does nothing: a program cannot end by a signal.
func die(os.Signal) {}

// Interrupt interrupts the programs of the console, as Ctrl-C does.
func Interrupt() error { return windows.GenerateConsoleCtrlEvent(windows.CTRL_C_EVENT, 0) }
