package task

import "github.com/thlib/go-timezone-local/tzlocal"

// systemZones is the IANA name of the time zone, for which Windows has a name of its own.
func systemZones() []string {
	name, _ := tzlocal.LocalTZ() // "" where it is not known
	return []string{name}
}
