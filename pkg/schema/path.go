package schema

import (
	"slices"
	"strconv"
	"strings"
)

// path is the way to a place in a value. It is linked from the end, so that one
// more step costs little; as text it is a JSON pointer.
type path struct {
	parent *path // nil at the top
	name   string
	index  int // of an item, else -1
}

func (p *path) member(name string) *path { return &path{p, name, -1} }
func (p *path) item(index int) *path     { return &path{parent: p, index: index} }

func (p *path) String() string { return p.below(nil) }

// below is the rest of the way from a place on it.
func (p *path) below(top *path) string {
	var steps []*path
	for ; p != top && p.parent != nil; p = p.parent {
		steps = append(steps, p)
	}
	var b strings.Builder
	for _, step := range slices.Backward(steps) {
		b.WriteByte('/')
		if step.index >= 0 {
			b.WriteString(strconv.Itoa(step.index))
		} else {
			b.WriteString(escape(step.name))
		}
	}
	return b.String()
}

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
