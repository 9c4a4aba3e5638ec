package schema

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
)

// program is a compiled schema with all that it refers to.
type program struct {
	root  *node
	nodes int // how many there are
}

// compiler turns elements of documents into nodes.
type compiler struct {
	documents map[string]*document
	resources []*resource // whose root is compiled
	queue     []*element  // have a node that is still to be filled in
	nodes     int
	foreign   []*element // resources of another dialect than what is around them, not checked yet
}

func newCompiler() *compiler {
	return &compiler{documents: make(map[string]*document)}
}

// document is the document with the address, read if it is built in.
func (c *compiler) document(address string) (*document, error) {
	if d := c.documents[address]; d != nil {
		return d, nil
	}
	value := builtIn(address)
	if value == nil {
		return nil, &outsideError{address}
	}
	return c.add(address, value, true)
}

func (c *compiler) add(address string, value any, builtIn bool) (*document, error) {
	d := &document{url: address, resources: make(map[string]*resource), builtIn: builtIn}
	d.root = &element{document: d, value: value}
	if err := c.learn(d.root); err != nil {
		return nil, err
	}
	c.documents[address] = d
	return d, nil
}

// learn indexes a schema that was not seen as one, and checks it.
func (c *compiler) learn(e *element) error {
	if e.resource != nil {
		return nil
	}
	var around *resource
	if e.parent != nil {
		around = e.enclosing()
	}
	if err := c.index(e, around); err != nil {
		return err
	}
	foreign := c.foreign
	c.foreign = nil
	if e.document.builtIn {
		return nil
	}
	skip := make(map[string]bool)
	for _, other := range foreign {
		skip[other.path().String()] = true
	}
	if !slices.Contains(foreign, e) {
		foreign = append([]*element{e}, foreign...)
	}
	for _, part := range foreign {
		if err := checkSchema(part, skip); err != nil {
			return err
		}
	}
	return nil
}

// checkSchema checks a schema against the metaschema of its dialect, leaving out
// the places to skip, which are of another dialect.
func checkSchema(e *element, skip map[string]bool) error {
	meta := e.enclosing().dialect.metaschema()
	ev := newEvaluator(meta, true)
	ev.skip, ev.start = skip, e.path()
	var found []problem
	if ev.evaluate(meta.root, e.value, ev.start, nil, &found) {
		return nil
	}
	if ev.err != nil {
		return notASchema("it is %s", ev.err)
	}
	return notASchema("at %s: %s", named(found[0].at), found[0].message())
}

// compile makes the node of the element, and of all that it leads to.
func (c *compiler) compile(root *element) (*program, error) {
	n := c.node(root)
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		if err := c.fill(next); err != nil {
			return nil, err
		}
		if len(c.queue) == 0 {
			c.addDynamic()
		}
	}
	return &program{n, c.nodes}, nil
}

// addDynamic queues the schemas that a dynamic reference may lead to.
func (c *compiler) addDynamic() {
	for _, r := range c.resources {
		for _, name := range slices.Sorted(maps.Keys(r.dynamic)) {
			c.node(r.dynamic[name])
		}
	}
}

// node is the element's node, which may be still to be filled in.
func (c *compiler) node(e *element) *node {
	if e == nil {
		return nil
	}
	if e.node == nil {
		e.node = &node{number: c.nodes, element: e}
		c.nodes++
		c.queue = append(c.queue, e)
	}
	return e.node
}

func (c *compiler) fill(e *element) error {
	if err := c.learn(e); err != nil {
		return err
	}
	n := e.node
	n.resource = e.enclosing()
	if n.resource.root == e {
		c.resources = append(c.resources, n.resource)
	}
	c.node(n.resource.root)
	switch v := e.value.(type) {
	case bool:
		n.Bool = &v
	case map[string]any:
		k := keywords{c: c, element: e, object: v, version: n.resource.dialect.version}
		k.fill(n)
		return k.err
	}
	return nil
}

// keywords reads the keywords of one schema. What is of a wrong type is passed
// over: the metaschema has refused it, where the draft knows the keyword.
type keywords struct {
	c       *compiler
	element *element
	object  map[string]any
	version int
	err     error // the first
}

func (k *keywords) fill(n *node) {
	n.Ref = k.reference("$ref")
	if n.Ref != nil && k.version < 2019 {
		return // its siblings are ignored
	}
	k.fillAny(n)
	k.fillObject(n)
	k.fillArray(n)
	k.fillString(n)
	k.fillNumber(n)
	k.fillConditional(n)
	if k.version >= 2019 {
		k.fillReferences(n)
	}
	if v, ok := k.object["default"]; ok {
		n.Default = &v
	}
	if k.version >= 6 {
		n.Examples = k.list("examples")
	}
}

func (k *keywords) fillAny(n *node) {
	n.Types = typeNamed(k.text("type"))
	for _, name := range stringsOf(k.list("type")) {
		n.Types |= typeNamed(name)
	}
	n.Enum = k.list("enum")
	if v, ok := k.object["const"]; ok && k.version >= 6 {
		n.Const = &v
	}
	n.Not = k.schema("not")
	n.AllOf = k.schemas("allOf")
	n.AnyOf = k.schemas("anyOf")
	n.OneOf = k.schemas("oneOf")
	n.Format = formatNamed(k.text("format"))
	n.FormatAsserted = k.version < 2019
}

func (k *keywords) fillConditional(n *node) {
	if k.version < 7 {
		return
	}
	n.If = k.schema("if")
	always, known := k.object["if"].(bool)
	if n.If != nil && (always || !known) {
		n.Then = k.schema("then")
	}
	if n.If != nil && (!always || !known) {
		n.Else = k.schema("else")
	}
}

func (k *keywords) fillReferences(n *node) {
	n.RecursiveRef = k.reference("$recursiveRef") // 2020-12 has it for the sake of older schemas
	n.RecursiveAnchor = k.flag("$recursiveAnchor")
	if k.version < 2020 {
		return
	}
	if target := k.reference("$dynamicRef"); target != nil {
		_, anchor, _ := splitFragment(k.text("$dynamicRef"))
		if anchor != "" && anchor[0] == '/' {
			anchor = ""
		}
		n.DynamicRef = &dynamicRef{target, anchor}
	}
	n.DynamicAnchor = k.text("$dynamicAnchor")
}

func (k *keywords) fillObject(n *node) {
	n.MinProperties = k.count("minProperties")
	n.MaxProperties = k.count("maxProperties")
	n.Required = stringsOf(k.list("required"))
	n.Properties = k.members("properties")
	patterns := k.members("patternProperties")
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		n.PatternProperties = append(n.PatternProperties, patternProperty{k.regexp("patternProperties", pattern), patterns[pattern]})
	}
	n.AdditionalProperties = k.schema("additionalProperties")
	k.fillDependencies(n, "dependencies")
	if k.version >= 6 {
		n.PropertyNames = k.schema("propertyNames")
	}
	if k.version >= 2019 {
		k.fillDependencies(n, "dependentRequired")
		k.fillDependencies(n, "dependentSchemas")
		n.UnevaluatedProperties = k.schema("unevaluatedProperties")
	}
}

// fillDependencies reads a keyword whose members are lists of names or schemas.
func (k *keywords) fillDependencies(n *node, keyword string) {
	members, _ := k.object[keyword].(map[string]any)
	for _, trigger := range slices.Sorted(maps.Keys(members)) {
		d := dependency{trigger: trigger}
		if list, ok := members[trigger].([]any); ok {
			d.required = stringsOf(list)
		} else {
			d.schema = k.c.node(k.element.child(keyword).child(trigger))
		}
		n.Dependencies = append(n.Dependencies, d)
	}
}

func (k *keywords) fillArray(n *node) {
	n.MinItems = k.count("minItems")
	n.MaxItems = k.count("maxItems")
	n.UniqueItems = k.flag("uniqueItems")
	switch _, positional := k.object["items"].([]any); {
	case k.version >= 2020:
		n.PrefixItems = k.schemas("prefixItems")
		n.Items = k.schema("items")
	case positional:
		n.PrefixItems = k.schemas("items")
		n.Items = k.schema("additionalItems")
	default:
		n.Items = k.schema("items")
	}
	if k.version >= 6 {
		n.Contains = k.schema("contains")
	}
	if k.version >= 2019 {
		n.MinContains = k.count("minContains")
		n.MaxContains = k.count("maxContains")
		n.UnevaluatedItems = k.schema("unevaluatedItems")
	}
}

func (k *keywords) fillString(n *node) {
	n.MinLength = k.count("minLength")
	n.MaxLength = k.count("maxLength")
	if pattern, ok := k.object["pattern"].(string); ok {
		n.Pattern = k.regexp("pattern", pattern)
	}
}

func (k *keywords) fillNumber(n *node) {
	n.MultipleOf = k.rational("multipleOf")
	if n.MultipleOf != nil && n.MultipleOf.Sign() <= 0 {
		n.MultipleOf = nil // the metaschema has refused it
	}
	n.Minimum, n.ExclusiveMinimum = k.bound("minimum", "exclusiveMinimum")
	n.Maximum, n.ExclusiveMaximum = k.bound("maximum", "exclusiveMaximum")
}

// bound reads a bound, and the exclusive one, which up to draft 4 is a flag.
func (k *keywords) bound(keyword, exclusive string) (closed, open *big.Rat) {
	if k.flag(exclusive) {
		return nil, k.rational(keyword)
	}
	return k.rational(keyword), k.rational(exclusive)
}

func (k *keywords) reference(keyword string) *node {
	reference, ok := k.object[keyword].(string)
	if !ok {
		return nil
	}
	target, err := k.c.resolve(reference, k.element.enclosing())
	if err != nil {
		k.fail(err)
		return nil
	}
	return k.c.node(target)
}

func (k *keywords) schema(keyword string) *node {
	return k.c.node(k.element.child(keyword))
}

func (k *keywords) schemas(keyword string) []*node {
	var nodes []*node
	for i := range k.list(keyword) {
		nodes = append(nodes, k.c.node(k.element.child(keyword).child(strconv.Itoa(i))))
	}
	return nodes
}

func (k *keywords) members(keyword string) map[string]*node {
	object, _ := k.object[keyword].(map[string]any)
	if len(object) == 0 {
		return nil
	}
	nodes := make(map[string]*node, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		nodes[name] = k.c.node(k.element.child(keyword).child(name))
	}
	return nodes
}

func (k *keywords) regexp(keyword, pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	if err != nil {
		k.fail(notASchema("at %s: %s", named(k.element.path().member(keyword)), oneLine(err.Error())))
	}
	return re
}

func (k *keywords) fail(err error) {
	if k.err == nil {
		k.err = err
	}
}

func (k *keywords) text(keyword string) string {
	s, _ := k.object[keyword].(string)
	return s
}

func (k *keywords) flag(keyword string) bool {
	b, _ := k.object[keyword].(bool)
	return b
}

func (k *keywords) list(keyword string) []any {
	list, _ := k.object[keyword].([]any)
	return list
}

func (k *keywords) rational(keyword string) *big.Rat {
	n, ok := k.object[keyword].(json.Number)
	if !ok {
		return nil
	}
	return rational(n)
}

// count reads a whole number. What is too large for an int is as good as the
// largest one.
func (k *keywords) count(keyword string) *int {
	n, ok := k.object[keyword].(json.Number)
	if !ok || !decimalOf(n).isInteger() {
		return nil
	}
	count := math.MaxInt
	if whole := rational(n).Num(); whole.IsInt64() && whole.Int64() <= math.MaxInt {
		count = int(whole.Int64())
	}
	return &count
}

// stringsOf are the strings of a list.
func stringsOf(list []any) []string {
	var names []string
	for _, item := range list {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return names
}
