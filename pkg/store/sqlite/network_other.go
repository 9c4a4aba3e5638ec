//go:build !linux && !darwin && !windows

package sqlite

// networkFileSystem cannot tell here.
func networkFileSystem(string) string { return "" }
