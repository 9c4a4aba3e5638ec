// Package panics turns a panic into an error, so that a goroutine reports it to the one that
// waits for it, which ends the program in order.
//
// The package is private to narada.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic, which is an error of this program.
type Error struct {
	Value any    // of the panic
	Stack []byte // of its goroutine
}

func (e *Error) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// Catch calls f and returns its error, or an *Error if it panics.
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{value, debug.Stack()}
		}
	}()
	return f()
}
