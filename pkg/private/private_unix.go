//go:build unix

package private

import "os"

func mkdirAll(dir string) error { return os.MkdirAll(dir, 0o700) }

func restrict(string) error { return nil }
