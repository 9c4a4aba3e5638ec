package schema

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// document is a JSON value with schemas in it: the author's, or one of a draft.
type document struct {
	url       string
	root      *element
	resources map[string]*resource // by id
	builtIn   bool                 // of a draft, which is known to be right
}

// resource is a schema with an address of its own, and with it what it holds
// that has none.
type resource struct {
	id      string
	dialect *dialect
	root    *element
	anchors map[string]*element
	dynamic map[string]*element // those anchors that are dynamic
}

// element is a value in a document, with the way to it. Elements are made as
// they are asked for; there is one for each place.
type element struct {
	document *document
	parent   *element
	token    string
	value    any
	children map[string]*element
	resource *resource // that it belongs to, nil if it was not seen as a schema yet
	node     *node     // nil: it is not compiled
}

// child is the member or item with the name, nil if there is none.
func (e *element) child(token string) *element {
	var value any
	switch v := e.value.(type) {
	case map[string]any:
		member, ok := v[token]
		if !ok {
			return nil
		}
		value = member
	case []any:
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(v) {
			return nil
		}
		token, value = strconv.Itoa(i), v[i]
	default:
		return nil
	}
	child := e.children[token]
	if child == nil {
		if e.children == nil {
			e.children = make(map[string]*element)
		}
		child = &element{document: e.document, parent: e, token: token, value: value}
		e.children[token] = child
	}
	return child
}

// enclosing is the resource that the element belongs to.
func (e *element) enclosing() *resource {
	for e.resource == nil {
		e = e.parent
	}
	return e.resource
}

// path is the way to the element as that to a place in a value.
func (e *element) path() *path {
	if e.parent == nil {
		return &path{}
	}
	return e.parent.path().member(e.token)
}

// pointed is the element that a JSON pointer leads to, nil if there is none.
func (e *element) pointed(pointer string) *element {
	for _, token := range strings.Split(pointer, "/")[1:] {
		if plain := strings.NewReplacer("~0", "", "~1", "").Replace(token); strings.Contains(plain, "~") {
			return nil
		}
		if e = e.child(unescape(token)); e == nil {
			return nil
		}
	}
	return e
}

// outsideError is a reference to what is not there, and is not loaded.
type outsideError struct{ url string }

func (e *outsideError) Error() string {
	return fmt.Sprintf("the schema refers to %q, which is outside of it: only drafts 4 to 2020-12 in $schema, and $ref to a place in the same document, are understood",
		strings.TrimPrefix(e.url, origin))
}

// resolve finds what a reference leads to that stands in the resource.
func (c *compiler) resolve(reference string, from *resource) (*element, error) {
	address, fragment, err := splitFragment(reference)
	if err != nil {
		return nil, err
	}
	if address, err = join(from.id, address); err != nil {
		return nil, err
	}
	target, err := c.find(address, from.root.document)
	if err != nil {
		return nil, err
	}
	var found *element
	if fragment == "" || fragment[0] == '/' {
		found = target.root.pointed(fragment)
	} else {
		found = target.anchors[fragment]
	}
	if found == nil {
		return nil, notASchema("it refers to %q, which is not in it", oneLine(reference))
	}
	return found, nil
}

// find is the resource with the address, as seen from a document.
func (c *compiler) find(address string, from *document) (*resource, error) {
	if address == from.url {
		return from.root.resource, nil
	}
	if r := from.resources[address]; r != nil {
		return r, nil
	}
	d, err := c.document(address)
	if err != nil {
		return nil, err
	}
	return d.root.resource, nil
}

// join resolves an address against that of the resource it stands in.
func join(base, reference string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", badAddress(base)
	}
	r, err := url.Parse(reference)
	if err != nil {
		return "", badAddress(reference)
	}
	joined := b.ResolveReference(r)
	if !r.IsAbs() && b.Opaque != "" {
		joined.Opaque = b.Opaque // net/url drops that of a URN
	}
	return joined.String(), nil
}

// splitFragment cuts the fragment off, and decodes it.
func splitFragment(reference string) (address, fragment string, err error) {
	address, fragment, _ = strings.Cut(reference, "#")
	if fragment, err = url.PathUnescape(fragment); err != nil {
		return "", "", badAddress(reference)
	}
	return address, fragment, nil
}

func badAddress(reference string) error {
	return notASchema("%q is not a URI reference", oneLine(reference))
}
