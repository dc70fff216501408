package contract_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/contract"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
)

const document = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/things/{name}":{"put":{
	"parameters":[
		{"in":"path","name":"name","required":true,"schema":{"type":"string","maxLength":4,"pattern":"^[^\\x00-\\x1f]*$","patternDescription":"without control characters","x-max-bytes":6}},
		{"in":"query","name":"limit","schema":{"type":"integer","format":"int64","minimum":1,"maximum":10}},
		{"in":"query","name":"all","schema":{"type":"boolean"}},
		{"in":"query","name":"since","schema":{"type":"string","format":"date-time"}},
		{"in":"header","name":"If-Match","schema":{"type":"string","pattern":"^\"[0-9]+\"$"}}],
	"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"}}}}}}},
	"components":{"schemas":{"Thing":{"type":"object","additionalProperties":false,"required":["size"],"properties":{
		"size":{"type":"integer","format":"int64","minimum":1},
		"any":{},
		"object":{"type":"object"},
		"tags":{"type":"array","minItems":1,"maxItems":3,"uniqueItems":true,"items":{"type":"string","enum":["a","b","c","d"]}},
		"map":{"type":"object","maxProperties":2,"additionalProperties":{"type":"string"}},
		"text":{"type":"string","minLength":1,"maxLength":5,"pattern":"^[^\\x00]*$"},
		"at":{"type":"string","format":"date-time"},
		"password":{"type":"string","minLength":8},
		"within":{"$ref":"#/components/schemas/Thing"}}}}}}`

func compiled(t testing.TB) *contract.Operation {
	t.Helper()
	d, err := contract.Read([]byte(document))
	require.NoError(t, err)
	_, err = d.Operation("GET", "/things/{name}")
	assert.EqualError(t, err, "OpenAPI document: there is no GET /things/{name}")
	o, err := d.Operation("PUT", "/things/{name}")
	require.NoError(t, err)
	again, err := d.Operation("PUT", "/things/{name}")
	require.NoError(t, err)
	assert.Same(t, o, again)
	return o
}

// told is what is wrong, a line for each.
func told(wrong []wire.FieldError) string {
	lines := make([]string, len(wrong))
	for i, field := range wrong {
		lines[i] = field.Location + ": " + field.Message
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestBody(t *testing.T) {
	o := compiled(t)
	for body, want := range map[string]string{
		`{"size":1}`:                          "",
		`{"size":9223372036854775807}`:        "",
		`{"size":9223372036854775808}`:        "body.size: must be an integer of 64 bits, in digits alone",
		`{"size":1.0}`:                        "body.size: must be an integer of 64 bits, in digits alone",
		`{"size":1e400}`:                      "body.size: must be an integer of 64 bits, in digits alone",
		`{"size":0}`:                          "body.size: must be at least 1",
		`{"size":1.5}`:                        "body.size: must be an integer",
		`{"size":-1.0}`:                       "body.size: must be an integer of 64 bits, in digits alone",
		`{"size":null}`:                       "body.size: must be an integer, got null",
		`{}`:                                  "body.size: is missing",
		`[]`:                                  "body: must be an object, got array",
		`null`:                                "body: must be an object, got null",
		`{"size":1,"Size":2}`:                 "body.Size: there is no such field",
		`{"size":1,"any":null}`:               "",
		`{"size":1,"any":[{"a":[1e9]}]}`:      "",
		`{"size":1,"object":{"a":[1]}}`:       "",
		`{"size":1,"object":[]}`:              "body.object: must be an object, got array",
		`{"size":1,"object":null}`:            "body.object: must be an object, got null",
		`{"size":1,"tags":["a","b"]}`:         "",
		`{"size":1,"tags":[]}`:                "body.tags: must have at least 1 item, got 0",
		`{"size":1,"tags":["a","a"]}`:         "body.tags: has the same item twice (0 and 1)",
		`{"size":1,"tags":["e"]}`:             `body.tags[0]: must be one of "a", "b", "c", "d"`,
		`{"size":1,"tags":[{},{}]}`:           "body.tags: has the same item twice (0 and 1)\nbody.tags[0]: must be a string, got object\nbody.tags[1]: must be a string, got object",
		`{"size":1,"tags":["a","b","c","d"]}`: "body.tags: must have at most 3 items, got more",
		`{"size":1,"map":{"a":"b","c":"d"}}`:  "",
		`{"size":1,"map":{"a":1}}`:            "body.map.a: must be a string",
		`{"size":1,"map":{"a":"","b":"","c":"","d":""}}`: "body.map: must have at most 2 fields, got more",
		`{"size":1,"text":""}`:                           "body.text: must be at least 1 character, got 0",
		`{"size":1,"text":"éééééé"}`:                     "body.text: must be at most 5 characters, got 6",
		`{"size":1,"text":"a\u0000"}`:                    `body.text: must match ^[^\x00]*$`,
		`{"size":1,"at":"2026-01-31"}`:                   "body.at: must be a time as in 2026-01-31T08:00:00Z (RFC 3339)",
		`{"size":1,"within":{"size":0,"x":1}}`:           "body.within.size: must be at least 1\nbody.within.x: there is no such field",
	} {
		wrong, err := o.Body([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, told(wrong), body)
	}
}

func TestNoJSON(t *testing.T) {
	o := compiled(t)
	for body, want := range map[string]string{
		`{"size":`:                            "body: unexpected end of JSON",
		``:                                    "body: unexpected end of JSON",
		`{"size":1}{}`:                        "body: there is more after the value",
		`{"size":1}}`:                         "body: invalid character '}'",
		"{\"size\":1,\"any\":\"\xff\"}":       "body: invalid UTF-8",
		`{"size":1,"any":"\ud800"}`:           "body: invalid",
		`{"size":1,"size":2}`:                 "body.size: the name is there twice",
		`{"size":1,"any":{"a":1,"\u0061":2}}`: "body.any.a: the name is there twice",
		`{"size":1,"nope":{"a":1,"a":2}}`:     "body.nope.a: the name is there twice",
		`{"size":01}`:                         "body: invalid character '1'",
		strings.Repeat("[", 20_000):           "body: exceeded max depth",
	} {
		_, err := o.Body([]byte(body))
		var p *problem.Problem
		require.True(t, errors.As(err, &p), "%.50s: %v", body, err)
		assert.Equal(t, 400, p.Status)
		assert.Contains(t, p.Detail, want, "%.50s", body)
	}
}

func TestParameters(t *testing.T) {
	o := compiled(t)
	for _, c := range []struct{ name, query, match, want string }{
		{"a%2fb", "limit=10&all=true&since=2026-01-31T08:00:00Z", `"3"`, ""},
		{"a", "limit=11", "", "query.limit: must be at most 10"},
		{"a", "limit=0", "", "query.limit: must be at least 1"},
		{"a", "limit=", "", "query.limit: must be an integer"},
		{"a", "limit=%2B5", "", "query.limit: must be an integer"},
		{"a", "limit=05", "", "query.limit: must be an integer"},
		{"a", "limit=1e0", "", "query.limit: must be an integer of 64 bits, in digits alone"},
		{"a", "limit=1&limit=2", "", "query.limit: is given 2 times"},
		{"a", "all=1", "", "query.all: must be a boolean"},
		{"a", "since=yesterday", "", "query.since: must be a time as in 2026-01-31T08:00:00Z (RFC 3339)"},
		{"a", "x=1", "", "query.x: unknown query parameter"},
		{"a", "%zz", "", "query: is not percent-encoded"},
		{"a", "", "3", `header.If-Match: must match ^"[0-9]+"$`},
		{"%zz", "", "", "path.name: is not percent-encoded"},
		{"%ff", "", "", "path.name: must be UTF-8"},
		{"%01", "", "", "path.name: must be without control characters"},
		{"abcde", "", "", "path.name: must be at most 4 characters, got 5"},
		{url.PathEscape("éééé"), "", "", "path.name: must be at most 6 bytes, got 8"},
	} {
		path, wrong := o.Parameters(contract.Request{
			Path: func(string) string { return c.name }, Header: func(string) string { return c.match }, Query: c.query,
		})
		assert.Equal(t, c.want, told(wrong), "%+v", c)
		if c.want == "" {
			assert.Equal(t, map[string]string{"name": "a/b"}, path)
		}
	}
}

// What is told of a body does not grow with how much is wrong in it, nor does what is kept of it.
func TestMuchIsWrong(t *testing.T) {
	o := compiled(t)
	var fields strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&fields, `,"x%d":{"a":[1,2,3]}`, i)
	}
	for _, body := range []string{
		`{"size":1,"tags":[1` + strings.Repeat(",1", 100_000) + `]}`,
		`{"size":1,"map":{"y":1` + fields.String() + `}}`,
		`{"size":1` + fields.String() + `}`,
	} {
		wrong, err := o.Body([]byte(body))
		require.NoError(t, err)
		assert.NotEmpty(t, wrong)
		assert.LessOrEqual(t, len(wrong), 20)
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	for _, text := range []string{``, `{"paths":{"/":{"get":{"parameters":[{"in":"query","name":"a","schema":{"type":"text"}}]}}}}`,
		`{"paths":{"/":{"get":{"parameters":[{"in":"query","name":"a","schema":{"$ref":"#/nowhere"}}]}}}}`} {
		d, err := contract.Read([]byte(text))
		if err == nil {
			_, err = d.Operation("GET", "/")
		}
		assert.ErrorContains(t, err, "OpenAPI document", text)
	}
}

// BenchmarkBody is what a check costs: of a small body, of one with all fields, and of one with a
// large value that the schema says nothing of.
func BenchmarkBody(b *testing.B) {
	o := compiled(b)
	for name, body := range map[string]string{
		"small": `{"size":1}`,
		"full":  `{"size":1,"tags":["a","b"],"map":{"a":"b"},"text":"abc","at":"2026-01-31T08:00:00Z","within":{"size":2}}`,
		"1MiB":  `{"size":1,"any":{"values":[` + strings.Repeat(`{"name":"abc","price":12.5},`, 1<<20/28) + `null]}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if wrong, err := o.Body([]byte(body)); err != nil || len(wrong) > 0 {
					b.Fatal(wrong, err)
				}
			}
		})
	}
}
