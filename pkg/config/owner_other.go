//go:build !unix

package config

import "os"

// ownedByUs reports whether the file at path exists: this system has no numeric owner.
func ownedByUs(path string) (bool, error) {
	_, err := os.Stat(path)
	return err == nil, err
}
