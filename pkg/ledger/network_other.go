//go:build !linux && !darwin && !windows

package ledger

// networkFileSystem cannot tell here.
func networkFileSystem(string) string { return "" }
