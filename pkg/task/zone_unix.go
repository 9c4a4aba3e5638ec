//go:build unix

package task

import (
	"os"
	"strings"
)

// systemZones are the names that the files of the system have for its time zone.
func systemZones() []string {
	target, _ := os.Readlink("/etc/localtime")
	_, linked, _ := strings.Cut(target, "zoneinfo/")
	written, _ := os.ReadFile("/etc/timezone")
	return []string{linked, strings.TrimSpace(string(written))}
}
