package abi

import (
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// InvocationType says what caused an execution.
type InvocationType string

// The causes of an execution.
const (
	InvocationHTTP    InvocationType = "http"    // a route
	InvocationExecute InvocationType = "execute" // the execute endpoint or a test run
	InvocationTrigger InvocationType = "trigger" // an event
	InvocationInvoke  InvocationType = "invoke"  // another script of the app, see [OpInvoke]
)

// Invocation is what a script sees as ctx.
type Invocation struct {
	SDKVersion     string
	ExecutionID    string
	RequestID      string
	ScriptID       string
	ScriptName     string
	AppID          string
	InvocationType InvocationType
	Request        *Request // nil unless a request caused it
	Event          msgp.Raw // a map; absent unless triggered
	Args           msgp.Raw // any value; absent unless invoked
}

// Request is the HTTP request of an invocation, as it came. What a script sees is made of it when the
// script reads it: see [Invocation.Append].
type Request struct {
	Method     string
	Path       string // of the route's: normalized
	Headers    Lists  // names in lower case
	Body       []byte
	Sent       []byte            // the body as it was sent, where Body is decoded of it; nil: it is Body
	Params     map[string]string // of a param route
	Query      Lists             // decoded
	RawQuery   string            // of the URL, without the ?
	Rest       string            // what a prefix route matched beyond its prefix
	RemoteAddr string            // the client's IP address
	Scheme     string            // "http" or "https"
	Host       string            // with the port if the client named one
	URL        string            // in full, as the client wrote it
	Form       []FormField       // in the order of the body
	FormError  string            // why there is none of a body that claims to be one
}

// FormField is a field of a form (multipart/form-data or application/x-www-form-urlencoded).
type FormField struct {
	Name  string
	Value string    // of one that is no file
	File  *FormFile // nil: it is no file
}

// FormFile is a file in a form.
type FormFile struct {
	Filename    string // without directories; may be ""
	ContentType string
	Data        []byte
}

// MaxFormData is how many bytes of files a script sees in a form, in all. A file that goes beyond it
// has data of (), and is to be had with [OpRequestSaveFile].
const MaxFormData = 1 << 20

// Header returns the values of a header, which is named in lower case, joined as RFC 9110, section
// 5.2, has it. Those of cookies are joined as RFC 6265 has them.
func (r *Request) Header(name string) string {
	values := r.Headers[name]
	if name == "cookie" {
		return strings.Join(values, "; ")
	}
	return strings.Join(values, ", ")
}

// Cookies returns the cookies of the request (RFC 6265, section 5.4). Of repeated names the first
// counts, which is that of the longest path.
func (r *Request) Cookies() map[string]string {
	cookies := map[string]string{}
	for _, header := range r.Headers["cookie"] {
		for pair := range strings.SplitSeq(header, ";") {
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if _, repeated := cookies[name]; !ok || name == "" || repeated {
				continue
			}
			if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			cookies[name] = value
		}
	}
	return cookies
}

// ReadsAll is everything.
var ReadsAll = Reads{"*"}

// all reports whether everything of a part is read: "request", or "" for ctx itself.
func (r Reads) all(part string) bool {
	return slices.Contains(r, "*") || part != "" && slices.Contains(r, part)
}

// some reports whether anything of a part is read.
func (r Reads) some(part string) bool {
	for _, path := range r {
		if path == "*" || path == part || strings.HasPrefix(path, part) && path[len(part)] == '.' {
			return true
		}
	}
	return false
}

// Append appends what a script sees of an invocation, as far as it reads it: a map. A request in it
// has, beside the fields of [Request],
//
//	headers, query, form              one value for each name: headers joined by ", ", else the last
//	headers_all, query_all, form_all  name -> array of values
//	cookies                           name -> value
//	body, body_raw                    see [DecodeBody]; body_raw is as it was sent, also if it was compressed
//
// and a file of a form is #{name, filename, content_type, size, data}.
func (inv *Invocation) Append(dst []byte, reads Reads) []byte {
	w := mapWriter{b: append(dst, 0xde, 0, 0)} // map 16
	for _, f := range []struct{ name, value string }{
		{"sdk_version", inv.SDKVersion}, {"execution_id", inv.ExecutionID}, {"request_id", inv.RequestID}, {"script_id", inv.ScriptID},
		{"script_name", inv.ScriptName}, {"app_id", inv.AppID}, {"invocation_type", string(inv.InvocationType)},
	} {
		if reads.some(f.name) || reads.all("") {
			w.text(f.name, f.value)
		}
	}
	if inv.Request != nil && reads.some("request") {
		w.key("request")
		w.b = inv.Request.append(w.b, reads)
	}
	for _, f := range []struct {
		name  string
		value msgp.Raw
	}{{"event", inv.Event}, {"args", inv.Args}} {
		if f.value != nil && reads.some(f.name) {
			w.key(f.name)
			w.b = append(w.b, f.value...)
		}
	}
	w.end(len(dst))
	return w.b
}

// requestFields write the properties of ctx.request.
var requestFields = []struct {
	path  string
	write func(r *Request, b []byte) []byte
}{
	{"request.method", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.Method) }},
	{"request.path", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.Path) }},
	{"request.url", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.URL) }},
	{"request.scheme", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.Scheme) }},
	{"request.host", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.Host) }},
	{"request.remote_addr", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.RemoteAddr) }},
	{"request.rest", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.Rest) }},
	{"request.params", func(r *Request, b []byte) []byte { return appendTexts(b, r.Params) }},
	{"request.raw_query", func(r *Request, b []byte) []byte { return msgp.AppendString(b, r.RawQuery) }},
	{"request.query", func(r *Request, b []byte) []byte {
		return appendLists(b, r.Query, func(b []byte, _ string, values []string) []byte {
			last := ""
			if n := len(values); n > 0 {
				last = values[n-1]
			}
			return msgp.AppendString(b, last)
		})
	}},
	{"request.query_all", func(r *Request, b []byte) []byte { return appendLists(b, r.Query, appendList) }},
	{"request.headers", func(r *Request, b []byte) []byte {
		return appendLists(b, r.Headers, func(b []byte, name string, _ []string) []byte {
			return msgp.AppendString(b, r.Header(name))
		})
	}},
	{"request.headers_all", func(r *Request, b []byte) []byte { return appendLists(b, r.Headers, appendList) }},
	{"request.cookies", func(r *Request, b []byte) []byte { return appendTexts(b, r.Cookies()) }},
	{"request.form", func(r *Request, b []byte) []byte { return appendForm(b, r.Form, false) }},
	{"request.form_all", func(r *Request, b []byte) []byte { return appendForm(b, r.Form, true) }},
	{"request.body", func(r *Request, b []byte) []byte {
		return appendBody(b, r.Body, r.Header("content-type"))
	}},
	{"request.body_raw", func(r *Request, b []byte) []byte { return appendRawBody(b, r.sent()) }},
}

// sent is the body as it was sent.
func (r *Request) sent() []byte {
	if r.Sent != nil {
		return r.Sent
	}
	return r.Body
}

func (r *Request) append(dst []byte, reads Reads) []byte {
	w := mapWriter{b: append(dst, 0xde, 0, 0)}
	all := reads.all("request")
	for _, f := range requestFields {
		if all || slices.Contains(reads, f.path) {
			w.key(strings.TrimPrefix(f.path, "request."))
			w.b = f.write(r, w.b)
		}
	}
	w.end(len(dst))
	return w.b
}

// A mapWriter writes a map whose size is not known beforehand.
type mapWriter struct {
	b []byte
	n uint16
}

func (w *mapWriter) key(name string) {
	w.n++
	w.b = msgp.AppendString(w.b, name)
}

func (w *mapWriter) text(name, value string) {
	w.key(name)
	w.b = msgp.AppendString(w.b, value)
}

// end writes the size of the map that begins at a place.
func (w *mapWriter) end(start int) { w.b[start+1], w.b[start+2] = byte(w.n>>8), byte(w.n) }

func appendTexts(b []byte, texts map[string]string) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(texts)))
	for name, value := range texts {
		b = msgp.AppendString(msgp.AppendString(b, name), value)
	}
	return b
}

func appendLists(b []byte, lists Lists, value func(b []byte, name string, values []string) []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(lists)))
	for name, values := range lists {
		b = value(msgp.AppendString(b, name), name, values)
	}
	return b
}

func appendList(b []byte, _ string, values []string) []byte {
	b = msgp.AppendArrayHeader(b, uint32(len(values)))
	for _, value := range values {
		b = msgp.AppendString(b, value)
	}
	return b
}

// appendForm appends a form as a map: the last field of each name, or an array of all of them.
func appendForm(b []byte, form []FormField, all bool) []byte {
	fields, shown := map[string][]*FormField{}, map[*FormField]bool{}
	left := MaxFormData
	for i := range form {
		f := &form[i]
		fields[f.Name] = append(fields[f.Name], f)
		if f.File != nil && len(f.File.Data) <= left {
			left -= len(f.File.Data)
			shown[f] = true
		}
	}
	b = msgp.AppendMapHeader(b, uint32(len(fields)))
	for name, list := range fields {
		b = msgp.AppendString(b, name)
		if all {
			b = msgp.AppendArrayHeader(b, uint32(len(list)))
		} else {
			list = list[len(list)-1:]
		}
		for _, f := range list {
			b = f.append(b, shown[f])
		}
	}
	return b
}

func (f *FormField) append(b []byte, data bool) []byte {
	if f.File == nil {
		return msgp.AppendString(b, f.Value)
	}
	b = append(b, 0x80|5)
	for _, field := range [...]struct{ name, value string }{{"name", f.Name}, {"filename", f.File.Filename}, {"content_type", f.File.ContentType}} {
		b = msgp.AppendString(msgp.AppendString(b, field.name), field.value)
	}
	b = msgp.AppendInt(msgp.AppendString(b, "size"), len(f.File.Data))
	b = msgp.AppendString(b, "data")
	if !data {
		return msgp.AppendNil(b)
	}
	return msgp.AppendBytes(b, f.File.Data)
}
