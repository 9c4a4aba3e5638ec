package receive

import (
	"fmt"
	"strings"
)

// FindError is a listener that is not running, or one of several.
type FindError struct {
	Name    string   // "": any
	Running []string // names
}

func (e *FindError) Error() string {
	switch {
	case len(e.Running) == 0:
		return "no listener is running on this machine"
	case e.Name == "":
		return "several listeners are running: " + strings.Join(e.Running, ", ")
	}
	return fmt.Sprintf("no listener %q is running", e.Name)
}

// Find returns the running listener with that name, or without a name the only one. The
// error is a *FindError.
func Find(running []Listener, name string) (Listener, error) {
	var names []string
	for _, l := range running {
		if l.Name == name || name == "" && len(running) == 1 {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return Listener{}, &FindError{name, names}
}
