package task

import (
	"fmt"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // for machines without zone files
)

// CheckZone returns an error if name is not an IANA time zone.
func CheckZone(name string) error {
	if name == "" || name == "Local" {
		return fmt.Errorf("%q is not a time zone", name)
	}
	if _, err := time.LoadLocation(name); err != nil {
		return fmt.Errorf("%q is not a time zone", name)
	}
	return nil
}

// MachineZone returns the IANA name of the machine's time zone from TZ, the link
// /etc/localtime or /etc/timezone, "" if none has one.
func MachineZone(getenv func(string) string) string {
	candidates := []func() string{
		func() string { return strings.TrimPrefix(getenv("TZ"), ":") },
		func() string {
			target, _ := os.Readlink("/etc/localtime")
			_, name, _ := strings.Cut(target, "zoneinfo/")
			return name
		},
		func() string {
			text, _ := os.ReadFile("/etc/timezone")
			return strings.TrimSpace(string(text))
		},
	}
	for _, candidate := range candidates {
		if name := candidate(); CheckZone(name) == nil {
			return name
		}
	}
	return ""
}
