package contract

import (
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
)

// reasons says what is wrong with a value, in the words that the services have for it, and where in
// the request that is. The value goes along unless the words have it, or its size, already.
func (d *Document) reasons(e *jsonschema.ValidationError, value any, location string) []wire.FieldError {
	for _, token := range e.InstanceLocation {
		switch within := value.(type) {
		case []any:
			i, _ := strconv.Atoi(token)
			location, value = location+"["+token+"]", within[i]
		case map[string]any:
			location, value = location+"."+problem.Shorten(token), within[token]
		}
	}
	var wrong []wire.FieldError
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			wrong = append(wrong, wire.FieldError{Location: location + "." + name, Message: "is missing"})
		}
		return wrong
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			wrong = append(wrong, wire.FieldError{Location: location + "." + problem.Shorten(name), Message: "there is no such field"})
		}
		return wrong
	}
	field := wire.FieldError{Location: location, Message: d.reason(e), Value: value}
	if strings.Contains(field.Message, ", got ") { // which tells enough of it
		field.Value = nil
	}
	return []wire.FieldError{field}
}

var english = message.NewPrinter(language.English)

func (d *Document) reason(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		want := strings.Join(k.Want, " or ")
		article := "a "
		if strings.ContainsAny(want[:1], "aeiou") {
			article = "an "
		}
		if k.Got == "string" || k.Got == "number" || k.Got == "boolean" { // the value is told
			return "must be " + article + want
		}
		return fmt.Sprintf("must be %s%s, got %s", article, want, k.Got)
	case *kind.Enum:
		return fmt.Sprintf("must be one of %s", list(k.Want))
	case *kind.Minimum:
		return "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "must be at most " + decimal(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("must be at least %s, got %d", count(k.Want, "character"), k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must be at most %s, got %d", count(k.Want, "character"), k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %s, got %d", count(k.Want, "item"), k.Got)
	case *kind.MaxItems: // of which no more than one too many is read
		return fmt.Sprintf("must have at most %s, got more", count(k.Want, "item"))
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %s, got more", count(k.Want, "field"))
	case *kind.UniqueItems:
		return fmt.Sprintf("has the same item twice (%d and %d)", k.Duplicates[0], k.Duplicates[1])
	case *kind.Pattern:
		if says := d.describes(e.SchemaURL); says != "" {
			return "must be " + says
		}
		return fmt.Sprintf("must match %s", k.Want)
	case *kind.Format:
		return k.Err.Error()
	}
	return e.ErrorKind.LocalizedString(english)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return r.FloatString(3)
}

func list(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprintf("%#v", value)
	}
	return strings.Join(texts, ", ")
}

// describes is the description of the pattern of a schema, of which the compiler knows nothing.
func (d *Document) describes(schemaURL string) string {
	at := node{tree: d.tree}
	_, pointer, _ := strings.Cut(schemaURL, "#/")
	for token := range strings.SplitSeq(pointer, "/") {
		if decoded, err := url.PathUnescape(token); err == nil {
			token = decoded
		}
		at = at.at(pointerUnescape.Replace(token))
	}
	return at.text("patternDescription")
}

func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertVocabs()
	c.UseRegexpEngine(compilePattern)
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "urn:picloud:bytes", Schema: bytesSchema(), Compile: compileMaxBytes})
	c.RegisterFormat(&jsonschema.Format{Name: "int64", Validate: checkInt64})
	c.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: checkTime})
	return c
}

// checkInt64 asserts what package json needs: it takes no fraction and no exponent for an integer.
func checkInt64(v any) error {
	if _, ok := v.(float64); ok {
		return fmt.Errorf("must be an integer of 64 bits, in digits alone")
	}
	return nil
}

func checkTime(v any) error {
	if text, ok := v.(string); ok {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("must be a time as in 2026-01-31T08:00:00Z (RFC 3339)")
		}
	}
	return nil
}

// NoNUL is the pattern of a text of any length that the database can hold. It is checked at the speed
// of a memchr.
const NoNUL = `^[^\x00]*$`

type noNUL struct{}

func (noNUL) String() string            { return NoNUL }
func (noNUL) MatchString(s string) bool { return strings.IndexByte(s, 0) < 0 }
func compilePattern(p string) (jsonschema.Regexp, error) {
	if p == NoNUL {
		return noNUL{}, nil
	}
	return regexp.Compile(p)
}

// MaxBytes is the keyword of the most bytes that a string may have.
const MaxBytes = "x-max-bytes"

type maxBytes int

func compileMaxBytes(_ *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
	given, ok := schema[MaxBytes]
	if !ok {
		return nil, nil
	}
	most, err := strconv.Atoi(fmt.Sprint(given))
	return maxBytes(most), err
}

func bytesSchema() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:picloud:bytes", map[string]any{"properties": map[string]any{MaxBytes: map[string]any{"type": "integer", "minimum": 0}}}); err != nil {
		panic(err)
	}
	return c.MustCompile("urn:picloud:bytes")
}

func (most maxBytes) Validate(ctx *jsonschema.ValidatorContext, v any) {
	if text, ok := v.(string); ok && len(text) > int(most) {
		ctx.AddError(&tooManyBytes{got: len(text), most: int(most)})
	}
}

// tooManyBytes is the error of the keyword.
type tooManyBytes struct{ got, most int }

func (*tooManyBytes) KeywordPath() []string { return []string{MaxBytes} }

func (e *tooManyBytes) LocalizedString(*message.Printer) string {
	return fmt.Sprintf("must be at most %d bytes, got %d", e.most, e.got)
}
