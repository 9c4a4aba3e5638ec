// Package private makes folders and files that only their user can read. On Unix that is their
// mode. On Windows, where a mode means nothing, it is an access list for the user, the system
// and the administrators, which does not inherit from the folder around.
//
// The package is private to narada.
package private

// MkdirAll creates the folder, and those it is in, as far as they are missing. On Windows its
// files have its access list, too. A folder that exists is left as it is.
func MkdirAll(dir string) error { return mkdirAll(dir) }

// Restrict makes a new file with mode 0600, which is still empty, private on Windows.
func Restrict(path string) error { return restrict(path) }
