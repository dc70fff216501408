// Package contract checks requests against an OpenAPI 3.1 document: their parameters, and their JSON
// bodies. What the document says is what is checked, by a validator of JSON Schema 2020-12, which is
// the dialect of OpenAPI 3.1. Formats that it names are asserted: int64, uuid and date-time.
//
// JSON Schema counts characters, databases and file systems count bytes. The document tells of the
// latter with the keyword x-max-bytes, an extension: the most bytes that a string has as UTF-8.
package contract

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/picloud/picloud/host/api/wire"
)

// Document is an OpenAPI document. It is safe for concurrent use.
type Document struct {
	tree any // of the JSON

	mu         sync.RWMutex
	compiler   *jsonschema.Compiler
	operations map[string]*Operation // that were asked for
}

// Operation is what the document says of the requests of a method and a path.
type Operation struct {
	document   *Document
	parameters []parameter
	query      map[string]bool // those parameters that are in the query
	body       *jsonschema.Schema
	needsBody  bool
}

type parameter struct {
	in, name string
	required bool
	schema   *jsonschema.Schema
}

// Request gives the parameters of a request, as they were sent.
type Request struct {
	Path   func(name string) string // percent-encoded
	Header func(name string) string // "" when absent
	Query  string                   // percent-encoded
}

// resource is what the document is called while it is compiled.
const resource = "openapi:///document.json"

// Read reads a document. What it says of an operation is compiled when that is asked for: a server starts
// sooner so, and has no memory for what nobody uses. It fails where the document is no JSON.
func Read(document []byte) (*Document, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	d := &Document{tree: tree, compiler: newCompiler(), operations: map[string]*Operation{}}
	if err := d.compiler.AddResource(resource, tree); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	return d, nil
}

// Operation returns what the document says of a method and a path, whose parameters are in braces. It fails
// if the document has no such operation, or a schema in it that is not valid.
func (d *Document) Operation(method, path string) (*Operation, error) {
	name := method + " " + path
	d.mu.RLock()
	o := d.operations[name]
	d.mu.RUnlock()
	if o != nil {
		return o, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.operations[name]; o != nil {
		return o, nil
	}
	at := d.at("paths").at(path).at(strings.ToLower(method))
	if at.tree == nil {
		return nil, fmt.Errorf("OpenAPI document: there is no %s", name)
	}
	o, err := d.operation(at)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %s: %w", name, err)
	}
	d.operations[name] = o
	return o, nil
}

// operation compiles an operation. The caller holds the lock.
func (d *Document) operation(at node) (*Operation, error) {
	o := &Operation{document: d, query: map[string]bool{}}
	for _, given := range at.at("parameters").items() {
		p := parameter{in: given.text("in"), name: given.text("name"), required: given.flag("required")}
		var err error
		if p.schema, err = d.compiler.Compile(given.at("schema").url()); err != nil {
			return nil, err
		}
		o.parameters = append(o.parameters, p)
		if p.in == "query" {
			o.query[p.name] = true
		}
	}
	body := at.at("requestBody")
	o.needsBody = body.flag("required")
	if schema := body.at("content").at("application/json").at("schema"); schema.tree != nil {
		var err error
		if o.body, err = d.compiler.Compile(schema.url()); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// TakesJSON reports whether requests of the operation may have a body of JSON, and must have one.
func (o *Operation) TakesJSON() (may, must bool) { return o.body != nil, o.needsBody }

// Parameters returns what is wrong with the parameters of a request, and those of the path, decoded.
// A parameter that the document does not have is wrong in the query. Headers that are empty count as
// absent.
func (o *Operation) Parameters(r Request) (path map[string]string, wrong []wire.FieldError) {
	query, err := url.ParseQuery(r.Query)
	if err != nil {
		return nil, []wire.FieldError{{Location: "query", Message: "is not percent-encoded"}}
	}
	for name := range query {
		if !o.query[name] {
			wrong = append(wrong, wire.FieldError{Location: "query." + name, Message: "unknown query parameter"})
		}
	}
	path = map[string]string{}
	for _, p := range o.parameters {
		location := p.in + "." + p.name
		var values []string
		switch p.in {
		case "query":
			values = query[p.name]
		case "header":
			if value := r.Header(p.name); value != "" {
				values = []string{value}
			}
		case "path":
			value, err := url.PathUnescape(r.Path(p.name))
			if err != nil {
				wrong = append(wrong, wire.FieldError{Location: location, Message: "is not percent-encoded", Value: r.Path(p.name)})
				continue
			}
			path[p.name], values = value, []string{value}
		}
		switch {
		case len(values) == 0 && p.required:
			wrong = append(wrong, wire.FieldError{Location: location, Message: "is missing"})
		case len(values) > 1:
			wrong = append(wrong, wire.FieldError{Location: location, Message: fmt.Sprintf("is given %d times", len(values))})
		case len(values) == 1 && !utf8.ValidString(values[0]):
			wrong = append(wrong, wire.FieldError{Location: location, Message: "must be UTF-8"})
		case len(values) == 1:
			wrong = append(wrong, o.document.check(p.schema, parsed(p.schema, values[0]), location)...)
		}
	}
	return path, wrong
}

// parsed is the value that the text of a parameter stands for: of the type that the schema has, if it
// can be.
func parsed(schema *jsonschema.Schema, text string) any {
	for schema.Ref != nil {
		schema = schema.Ref
	}
	if schema.Types == nil {
		return text
	}
	switch schema.Types.String() {
	case "[integer]", "[number]":
		if number, ok := number(text); ok {
			return number
		}
	case "[boolean]":
		if text == "true" || text == "false" {
			return text == "true"
		}
	}
	return text
}

// Body returns what is wrong with a body of JSON. Of one that is no JSON, err tells that.
func (o *Operation) Body(text []byte) (wrong []wire.FieldError, err error) {
	value, err := readJSON(text, o.body)
	if err != nil {
		return nil, err
	}
	return o.document.check(o.body, value, "body"), nil
}

// maxWrong bounds how much of a value is told to be wrong.
const maxWrong = 20

func (d *Document) check(schema *jsonschema.Schema, value any, location string) []wire.FieldError {
	err := schema.Validate(value)
	if err == nil {
		return nil
	}
	var wrong []wire.FieldError
	refused, ok := err.(*jsonschema.ValidationError)
	if !ok { // the library refuses a value that is no JSON, which readJSON does not make
		return []wire.FieldError{{Location: location, Message: "is not valid"}}
	}
	var leaves func(*jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && len(wrong) < maxWrong {
			wrong = append(wrong, d.reasons(e, value, location)...)
		}
		for _, cause := range e.Causes {
			leaves(cause)
		}
	}
	leaves(refused)
	return wrong[:min(len(wrong), maxWrong)]
}

// node is a place in the document.
type node struct {
	tree    any
	pointer string
}

func (d *Document) at(name string) node { return node{tree: d.tree}.at(name) }

var pointerEscape, pointerUnescape = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

// at is the place by a name, or an index, below n.
func (n node) at(name string) node {
	below := node{pointer: n.pointer + "/" + pointerEscape.Replace(name)}
	switch tree := n.tree.(type) {
	case map[string]any:
		below.tree = tree[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i < len(tree) {
			below.tree = tree[i]
		}
	}
	return below
}

func (n node) fields() map[string]node {
	fields := map[string]node{}
	object, _ := n.tree.(map[string]any)
	for name := range object {
		fields[name] = n.at(name)
	}
	return fields
}

func (n node) items() []node {
	array, _ := n.tree.([]any)
	items := make([]node, len(array))
	for i := range array {
		items[i] = n.at(strconv.Itoa(i))
	}
	return items
}

func (n node) text(name string) string {
	text, _ := n.at(name).tree.(string)
	return text
}

func (n node) flag(name string) bool {
	flag, _ := n.at(name).tree.(bool)
	return flag
}

// url is the address of the node for the compiler.
func (n node) url() string { return resource + "#" + (&url.URL{Path: n.pointer}).EscapedPath() }
