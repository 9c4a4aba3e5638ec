//go:build !linux && !darwin && !windows

package sqlite

// networkFileSystem is not implemented on this system.
func networkFileSystem(string) string { return "" }
