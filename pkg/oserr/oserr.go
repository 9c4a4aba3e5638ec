// Package oserr tells apart errors of the operating system that have another number on
// Windows than on Unix. The names in package syscall are no help: on Windows, most of them are
// numbers that Go made up, which the system never returns.
//
// The package is private to narada.
package oserr

import (
	"errors"
	"slices"
	"syscall"
)

// Refused reports whether nothing listens at the address of a connection.
func Refused(err error) bool { return is(err, refused) }

// AddressInUse reports whether another program listens at an address.
func AddressInUse(err error) bool { return is(err, addressInUse) }

// Unread reports whether the reader of a pipe that was written to is gone.
func Unread(err error) bool { return is(err, unread) }

// Full reports whether the disk, or the user's share of it, is full.
func Full(err error) bool { return is(err, full) }

// ReadOnly reports whether the place cannot be written: a file system that is read-only, or a
// path that leads through a file.
func ReadOnly(err error) bool { return is(err, readOnly) }

// InUse reports whether a file may be refused because it is open, which only Windows does. It
// has the same error for a file that the user may not change.
func InUse(err error) bool { return is(err, inUse) }

func is(err error, numbers []syscall.Errno) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(numbers, number)
}

// Worded returns an error of a file with the text that Unix has for it: messages are the same
// on each system, and in each language of Windows. Other errors are unchanged.
func Worded(err error) error {
	for _, w := range words {
		if number, ok := err.(syscall.Errno); ok && (number.Is(w.kind) || number == w.kind) {
			return &worded{w.text, err}
		}
	}
	return err
}

type worded struct {
	text string
	err  error
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.err }

// wording is the text of a kind of errors: a number, or an error of package io/fs.
type wording struct {
	kind error
	text string
}
