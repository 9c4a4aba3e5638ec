package schema

import "maps"

// evaluated tells which members and items of a value keywords were about: the
// annotation that unevaluatedProperties and unevaluatedItems go by. Nothing is
// noted in a nil one.
type evaluated struct {
	allProperties bool
	properties    map[string]bool
	allItems      bool
	first         int // so many items from the start
	items         map[int]bool
}

func (e *evaluated) property(name string) bool { return e.allProperties || e.properties[name] }
func (e *evaluated) item(i int) bool           { return e.allItems || i < e.first || e.items[i] }

func (e *evaluated) addProperty(name string) {
	if e == nil {
		return
	}
	if e.properties == nil {
		e.properties = make(map[string]bool)
	}
	e.properties[name] = true
}

func (e *evaluated) addFirst(n int, all bool) {
	if e == nil {
		return
	}
	e.first = max(e.first, n)
	e.allItems = e.allItems || all
}

func (e *evaluated) addItem(i int) {
	if e == nil {
		return
	}
	if e.items == nil {
		e.items = make(map[int]bool)
	}
	e.items[i] = true
}

// merge adds what another schema was about that the value fits.
func (e *evaluated) merge(other *evaluated) {
	e.allProperties = e.allProperties || other.allProperties
	e.addFirst(other.first, other.allItems)
	switch {
	case e.properties == nil:
		e.properties = other.properties
	default:
		maps.Copy(e.properties, other.properties)
	}
	switch {
	case e.items == nil:
		e.items = other.items
	default:
		maps.Copy(e.items, other.items)
	}
}
