package task

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // for machines without zone files
)

// CheckZone returns an error if name is not an IANA time zone.
func CheckZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return fmt.Errorf("%q is not a time zone", name)
	}
	return nil
}

// MachineZone returns the IANA name of the machine's time zone from TZ, the link
// /etc/localtime or /etc/timezone, or the registry of Windows, "" if none has one.
func MachineZone(getenv func(string) string) string {
	for _, name := range append([]string{strings.TrimPrefix(getenv("TZ"), ":")}, systemZones()...) {
		if CheckZone(name) == nil {
			return name
		}
	}
	return ""
}
