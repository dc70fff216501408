package sdk

import (
	"strings"

	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Request is the HTTP request of an execution, the zero Request when none caused it.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`  // names in lower case, repeated values joined by ", "
	Body    Value             `json:"body"`     // parsed when the content type is JSON, else a string, or a blob when it is not UTF-8; null when empty
	BodyRaw []byte            `json:"body_raw"` // as it came
	Params  map[string]string `json:"params"`   // of a route's path: id of /notes/:id
	Query   map[string]string `json:"query"`    // the last of repeated names
	Rest    string            `json:"rest"`     // what the /* at the end of a route's path matched

	HeadersAll map[string][]string    `json:"headers_all"` // the values of each one by one
	QueryAll   map[string][]string    `json:"query_all"`
	Cookies    map[string]string      `json:"cookies"`
	Form       map[string][]FormField `json:"form_all"`  // of a body that is a form, in the order of each name
	RawQuery   string                 `json:"raw_query"` // of the URL, without the ?
	URL        string                 `json:"url"`       // in full, as the client wrote it
	Scheme     string                 `json:"scheme"`    // http or https
	Host       string                 `json:"host"`      // with the port if the client named one
	RemoteAddr string                 `json:"remote_addr"`
}

// FormField is a field of a form: a value, or a file.
type FormField struct {
	Value string
	File  *FormFile // nil: it is a value
}

// FormFile is a file of a form.
type FormFile struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"` // bytes
	Data        []byte `json:"data"` // nil where the files of the form have more than 1 MiB before its end; see [files.Collection.Save]
}

// UnmarshalJSON reads a field as the host sends it.
func (f *FormField) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return wire.Unmarshal(text, &f.Value)
	}
	f.File = new(FormFile)
	return wire.Unmarshal(text, f.File)
}

// FormValue returns the last value of a field of the form, "" when it is missing.
func (r Request) FormValue(name string) string {
	fields := r.Form[name]
	if len(fields) == 0 {
		return ""
	}
	return fields[len(fields)-1].Value
}

// FormFile returns the last file of a field of the form, nil when there is none.
func (r Request) FormFile(name string) *FormFile {
	fields := r.Form[name]
	if len(fields) == 0 {
		return nil
	}
	return fields[len(fields)-1].File
}

// Header returns the value of a header, "" when it is missing. Case does not count.
func (r Request) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Decode stores the body in what target points to, as [Value.Decode] does.
func (r Request) Decode(target any) error { return r.Body.Decode(target) }
