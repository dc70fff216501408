package contract

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/fault"
)

// readJSON reads a JSON text as far as a schema says something of it. What the schema leaves open,
// as the value of an entry, is not kept, only read: it is JSON as well. Of arrays and maps that are
// larger than they may be, one item too many is kept, so that what is told of a wrong body does not
// grow with it.
//
// The text must be UTF-8 without a name twice in an object, which two readers could take for two
// things. Other text is refused with 400.
func readJSON(text []byte, schema *jsonschema.Schema) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	value, err := read(d, schema)
	if err == nil {
		if _, err = d.ReadToken(); err == io.EOF {
			return value, nil
		}
		if err == nil {
			err = errors.New("there is more after the value")
		}
	}
	return nil, notJSON(err)
}

func notJSON(err error) error {
	location, reason := "body", err.Error()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		for name := range syntax.JSONPointer.Tokens() {
			location += "." + problem.Shorten(name)
		}
		reason = "the name is there twice"
	case errors.As(err, &syntax) && errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		reason = "unexpected end of JSON"
	case syntax != nil:
		reason = syntax.Err.Error() + " at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
	}
	return problem.New(http.StatusBadRequest, fault.Invalid, location+": "+reason, wire.FieldError{Location: location, Message: reason})
}

// read reads one value. A nil schema is of a value all of which is kept.
func read(d *jsontext.Decoder, schema *jsonschema.Schema) (any, error) {
	for schema != nil && schema.Ref != nil && alone(schema) {
		schema = schema.Ref
	}
	kind := d.PeekKind()
	if schema != nil && leavesOpen(schema) && (kind == '{' || kind == '[') {
		if err := skip(d); err != nil {
			return nil, err
		}
		if kind == '{' {
			return map[string]any{}, nil
		}
		return []any{}, nil
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch kind {
	case '{':
		return readObject(d, schema)
	case '[':
		return readArray(d, schema)
	case '"':
		return token.String(), nil
	case '0':
		text := token.String()
		value, ok := number(text)
		switch {
		case !ok && text[0] == '-': // beyond all that there are
			value = -math.MaxFloat64
		case !ok:
			value = math.MaxFloat64
		}
		return value, nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

// skip reads a value of which nothing is kept, faster than Decoder.SkipValue, which reads its tokens.
func skip(d *jsontext.Decoder) error {
	_, err := d.ReadValue()
	return err
}

func readObject(d *jsontext.Decoder, schema *jsonschema.Schema) (any, error) {
	object := map[string]any{}
	unknown := 0
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		within, known := property(schema, key)
		if !known {
			unknown++
		}
		switch tooMany := schema != nil && schema.MaxProperties != nil && len(object) > *schema.MaxProperties; {
		case tooMany || unknown > maxWrong:
			err = skip(d)
		case !known:
			object[key], err = nil, skip(d)
		default:
			object[key], err = read(d, within)
		}
		if err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return object, err
}

func readArray(d *jsontext.Decoder, schema *jsonschema.Schema) (any, error) {
	array := []any{}
	var items *jsonschema.Schema
	if schema != nil {
		items = schema.Items2020
	}
	for d.PeekKind() != ']' {
		if schema != nil && schema.MaxItems != nil && len(array) > *schema.MaxItems {
			if err := skip(d); err != nil {
				return nil, err
			}
			continue
		}
		item, err := read(d, items)
		if err != nil {
			return nil, err
		}
		array = append(array, item)
	}
	_, err := d.ReadToken()
	return array, err
}

// property is the schema of a property of an object; known reports whether there may be one.
func property(schema *jsonschema.Schema, name string) (p *jsonschema.Schema, known bool) {
	if schema == nil {
		return nil, true
	}
	if p = schema.Properties[name]; p != nil {
		return p, true
	}
	p, _ = schema.AdditionalProperties.(*jsonschema.Schema)
	return p, schema.AdditionalProperties != false || compound(schema)
}

// alone reports whether a schema with a reference says nothing beside it.
func alone(s *jsonschema.Schema) bool {
	return s.Types == nil && s.Properties == nil && s.AdditionalProperties == nil && s.Items2020 == nil && !compound(s)
}

// leavesOpen reports whether a schema says nothing of what is in an object or an array.
func leavesOpen(s *jsonschema.Schema) bool {
	if s.Bool != nil { // {} is true
		return *s.Bool
	}
	return !compound(s) && s.Ref == nil && s.Enum == nil && s.Const == nil &&
		s.Properties == nil && s.AdditionalProperties == nil && s.Required == nil && s.MinProperties == nil && s.MaxProperties == nil &&
		s.Items2020 == nil && s.MinItems == nil && s.MaxItems == nil && !s.UniqueItems
}

// compound reports whether a schema has keywords that look into values in other ways than read
// follows.
func compound(s *jsonschema.Schema) bool {
	return s.DynamicRef != nil || s.Not != nil || s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.If != nil ||
		s.PropertyNames != nil || s.PatternProperties != nil || s.Dependencies != nil || s.DependentRequired != nil || s.DependentSchemas != nil ||
		s.UnevaluatedProperties != nil || s.Contains != nil || s.Items != nil || s.PrefixItems != nil || s.UnevaluatedItems != nil
}

// number reads a number of JSON: an int64 if it is written as one, else a float64. ok reports whether
// there is such a number.
func number(text string) (value any, ok bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, strconv.FormatInt(i, 10) == text || text == "-0"
	}
	if jsontext.Value(text).Kind() != '0' || !jsontext.Value(text).IsValid() {
		return nil, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}
