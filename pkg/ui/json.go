package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// node is a value of a JSON document, as a tree to fold.
type node struct {
	Name    string // of the member; "": of an array, or the document
	Index   int    // in an array, from 0
	InArray bool
	Kind    string // object, array, string, number or word
	Text    string // of a value without children
	List    []node
	More    int    // children that are left out
	Error   string // how it violates the schema
}

// Limits of what is shown as a tree; the raw text has the rest.
const (
	maxTree      = 256 << 10 // bytes of a document
	maxTreeNodes = 4000
	maxDepth     = 40
	maxRaw       = 64 << 10 // bytes of a raw text within a page
)

var errNotShown = errors.New("too large, or no JSON document")

// treeOf returns the document as a tree. Members keep their order, numbers their digits.
func treeOf(doc []byte) (n node, err error) {
	if len(doc) > maxTree {
		return n, errNotShown
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	budget := maxTreeNodes
	if n, err = readNode(d, 0, &budget); err != nil {
		return n, errNotShown
	}
	if _, err := d.Token(); err != io.EOF {
		return n, errNotShown
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int, budget *int) (n node, err error) {
	token, err := d.Token()
	if err != nil {
		return n, err
	}
	*budget--
	switch value := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return n, errNotShown
		}
		n.Kind = map[json.Delim]string{'{': "object", '[': "array"}[value]
		return n, n.readChildren(d, depth, budget)
	case string:
		n.Kind, n.Text = "string", value
	case json.Number:
		n.Kind, n.Text = "number", value.String()
	default:
		text, err := json.Marshal(value) // true, false or null
		n.Kind, n.Text = "word", string(text)
		return n, err
	}
	return n, nil
}

func (n *node) readChildren(d *json.Decoder, depth int, budget *int) error {
	for d.More() {
		name := ""
		if n.Kind == "object" {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name, _ = token.(string)
		}
		child, err := readNode(d, depth+1, budget)
		if err != nil {
			return err
		}
		child.Name, child.InArray, child.Index = name, n.Kind == "array", len(n.List)+n.More
		if *budget < 0 {
			n.More++
			continue
		}
		n.List = append(n.List, child)
	}
	_, err := d.Token()
	return err
}

// document is a JSON text with its tree.
type document struct {
	Tree *node // nil: not shown as one
	Raw  string
	Cut  bool // Raw is only the begin
	Size int64
}

func newDocument(doc []byte) document {
	d := document{Size: int64(len(doc)), Raw: string(doc)}
	if tree, err := treeOf(doc); err == nil {
		d.Tree = &tree
	}
	if len(doc) > maxRaw {
		d.Raw, d.Cut = string(doc[:maxRaw]), true
	}
	return d
}

// at returns the value at a JSON Pointer (RFC 6901), or the nearest one around it.
func (n *node) at(pointer string) *node {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		i := slices.IndexFunc(n.List, func(child node) bool {
			return child.Name == name && !child.InArray || child.InArray && strconv.Itoa(child.Index) == name
		})
		if i < 0 {
			break
		}
		n = &n.List[i]
	}
	return n
}
