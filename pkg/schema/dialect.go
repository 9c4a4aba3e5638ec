package schema

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"sync"
)

// dialect is a draft of JSON Schema.
type dialect struct {
	version   int // 4, 6, 7, 2019 or 2020
	url       string
	idKeyword string

	once sync.Once
	meta *program
}

var (
	draft4    = dialect{version: 4, url: "http://json-schema.org/draft-04/schema", idKeyword: "id"}
	draft6    = dialect{version: 6, url: "http://json-schema.org/draft-06/schema", idKeyword: "$id"}
	draft7    = dialect{version: 7, url: "http://json-schema.org/draft-07/schema", idKeyword: "$id"}
	draft2019 = dialect{version: 2019, url: "https://json-schema.org/draft/2019-09/schema", idKeyword: "$id"}
	draft2020 = dialect{version: 2020, url: "https://json-schema.org/draft/2020-12/schema", idKeyword: "$id"}

	dialects = [...]*dialect{&draft4, &draft6, &draft7, &draft2019, &draft2020}
)

// dialectOf is the dialect that a "$schema" names, nil for one that is not
// known. The scheme makes no difference, and neither does a fragment.
func dialectOf(address string) *dialect {
	address, _, _ = strings.Cut(address, "#")
	if _, ok := builtInPath(address); !ok {
		return nil
	}
	_, path, _ := strings.Cut(address, "://")
	if path == "json-schema.org/schema" {
		return &draft2020
	}
	for _, d := range dialects {
		if strings.HasSuffix(d.url, "://"+path) {
			return d
		}
	}
	return nil
}

// id is the address that a schema gives itself, without the fragment.
func (d *dialect) id(schema map[string]any) string {
	if _, ok := schema["$ref"]; ok && d.version < 2019 {
		return "" // the siblings of $ref are ignored
	}
	id, _ := schema[d.idKeyword].(string)
	id, _, _ = strings.Cut(id, "#")
	return id
}

// subschemaKeywords are the keywords that have subschemas: one, a list of them,
// or an object of them.
var subschemaKeywords = [...]struct {
	name   string
	since  int // the first version that has it
	mapped bool
}{
	{"definitions", 4, true}, {"properties", 4, true}, {"patternProperties", 4, true}, {"dependencies", 4, true},
	{"not", 4, false}, {"allOf", 4, false}, {"anyOf", 4, false}, {"oneOf", 4, false},
	{"additionalProperties", 4, false}, {"items", 4, false}, {"additionalItems", 4, false},
	{"propertyNames", 6, false}, {"contains", 6, false},
	{"if", 7, false}, {"then", 7, false}, {"else", 7, false},
	{"$defs", 2019, true}, {"dependentSchemas", 2019, true},
	{"unevaluatedProperties", 2019, false}, {"unevaluatedItems", 2019, false}, {"contentSchema", 2019, false},
	{"prefixItems", 2020, false},
}

// metaschemas are the documents of the drafts, with the paths of their
// addresses. That of draft 4 has "$ref" too, which the draft describes in
// another document.
//
//go:embed metaschemas
var metaschemas embed.FS

// builtInPath is the path of an address under json-schema.org.
func builtInPath(address string) (path string, ok bool) {
	for _, site := range []string{"http://json-schema.org/", "https://json-schema.org/"} {
		if path, ok = strings.CutPrefix(address, site); ok {
			return path, true
		}
	}
	return "", false
}

// builtIn reads a document of a draft, nil when there is none of the address.
func builtIn(address string) any {
	path, ok := builtInPath(address)
	if !ok {
		return nil
	}
	if path == "schema" {
		path, _ = builtInPath(draft2020.url)
	}
	text, err := metaschemas.ReadFile("metaschemas/" + path + ".json")
	if err != nil {
		return nil
	}
	value, err := decode(bytes.TrimSpace(text))
	if err != nil {
		panic(fmt.Sprintf("%s is %v", address, err))
	}
	return value
}

// metaschema is what schemas of the dialect must fit, compiled when it is first
// asked for.
func (d *dialect) metaschema() *program {
	d.once.Do(func() {
		c := newCompiler()
		root, err := c.document(d.url)
		if err == nil {
			d.meta, err = c.compile(root.root)
		}
		if err != nil {
			panic(fmt.Sprintf("the metaschema %s: %v", d.url, err))
		}
	})
	return d.meta
}
