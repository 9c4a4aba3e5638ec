package schema

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// index notes the ids and the anchors of a schema and of all its subschemas. in
// is the resource around it, nil at the top of a document.
func (c *compiler) index(e *element, in *resource) error {
	if e.resource != nil {
		return nil
	}
	fallback := &draft2020
	if in != nil {
		fallback = in.dialect
	}
	schema, _ := e.value.(map[string]any)
	own, err := declaredDialect(schema, fallback)
	if err != nil {
		return err
	}
	id := own.id(schema)
	if id == "" && in != nil {
		own = fallback // $schema is for those with an id
		id = own.id(schema)
	}
	if id != "" || in == nil {
		if in, err = c.enter(e, in, id, own); err != nil {
			return err
		}
	}
	e.resource = in
	if err := in.addAnchors(e, schema); err != nil {
		return err
	}
	for child := range subschemas(e, own) {
		if err := c.index(child, in); err != nil {
			return err
		}
	}
	return nil
}

// declaredDialect is that of "$schema", or else the fallback.
func declaredDialect(schema map[string]any, fallback *dialect) (*dialect, error) {
	name, ok := schema["$schema"].(string)
	if !ok {
		return fallback, nil
	}
	if d := dialectOf(name); d != nil {
		return d, nil
	}
	name, _, _ = strings.Cut(name, "#")
	return nil, &outsideError{name}
}

// enter makes the element the root of a resource.
func (c *compiler) enter(e *element, around *resource, id string, d *dialect) (*resource, error) {
	base := e.document.url
	if around != nil {
		base = around.id
	}
	if id != "" {
		var err error
		if base, err = join(base, id); err != nil {
			return nil, err
		}
	}
	if known := e.document.resources[base]; known != nil {
		return nil, notASchema("the id %q is there twice, at %s and at %s", oneLine(id), known.root.at(), e.at())
	}
	r := &resource{id: base, dialect: d, root: e, anchors: make(map[string]*element)}
	e.document.resources[base] = r
	if around != nil && around.dialect != d {
		c.foreign = append(c.foreign, e)
	}
	return r, nil
}

// addAnchors notes the names that the schema has in the resource.
func (r *resource) addAnchors(e *element, schema map[string]any) error {
	version := r.dialect.version
	if version < 2019 {
		if _, ok := schema["$ref"]; ok {
			return nil // the siblings of $ref are ignored
		}
		id, _ := schema[r.dialect.idKeyword].(string)
		_, fragment, err := splitFragment(id)
		if err != nil {
			return err
		}
		if fragment == "" || fragment[0] == '/' {
			return nil
		}
		return r.addAnchor(fragment, e)
	}
	if name, ok := schema["$anchor"].(string); ok {
		if err := r.addAnchor(name, e); err != nil {
			return err
		}
	}
	name, ok := schema["$dynamicAnchor"].(string)
	if !ok || version < 2020 {
		return nil
	}
	if r.dynamic == nil {
		r.dynamic = make(map[string]*element)
	}
	r.dynamic[name] = e
	return r.addAnchor(name, e)
}

func (r *resource) addAnchor(name string, e *element) error {
	if known := r.anchors[name]; known != nil && known != e {
		return notASchema("the anchor %q is there twice, at %s and at %s", oneLine(name), known.at(), e.at())
	}
	r.anchors[name] = e
	return nil
}

// subschemas yields the places where the dialect has subschemas, and where
// there are some.
func subschemas(e *element, d *dialect) iter.Seq[*element] {
	return func(yield func(*element) bool) {
		for _, keyword := range subschemaKeywords {
			child := e.child(keyword.name)
			if child == nil || keyword.since > d.version {
				continue
			}
			for schema := range child.schemas(keyword.mapped) {
				if !yield(schema) {
					return
				}
			}
		}
	}
}

// schemas yields the element if it is a schema, or those that it holds.
func (e *element) schemas(mapped bool) iter.Seq[*element] {
	return func(yield func(*element) bool) {
		switch v := e.value.(type) {
		case bool:
			yield(e)
		case map[string]any:
			if !mapped {
				yield(e)
				return
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				if child := e.child(name); isSchema(child.value) && !yield(child) {
					return
				}
			}
		case []any:
			for i := range v {
				if child := e.child(strconv.Itoa(i)); isSchema(child.value) && !yield(child) {
					return
				}
			}
		}
	}
}

// isSchema reports whether the value can be a schema. In draft 4 a bool cannot,
// which its metaschema says.
func isSchema(value any) bool {
	t := typeOf(value)
	return t == objectType || t == booleanType
}

// at names the place in an error.
func (e *element) at() string { return named(e.path()) }

func named(at *path) string {
	if pointer := at.String(); pointer != "" {
		return oneLine(pointer)
	}
	return "the top"
}
