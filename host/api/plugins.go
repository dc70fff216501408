package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

// The requests that create and change scripts bring JSON, or the module of a plugin: alone, as
// application/wasm, with the fields of the JSON that it needs in the query; or as the part "file"
// of multipart/form-data, whose other parts are the fields of the JSON. takeModule reads the module
// and shows the fields to huma as the JSON they would be.

const (
	typeWasm = "application/wasm"
	typeForm = "multipart/form-data"
	typeJSON = "application/json"

	// Bounds of a form besides its file.
	maxFormParts = 16
	maxFormField = 64 << 10 // bytes of one part
	maxFormExtra = 2 << 20  // bytes of all parts and what divides them

	howToUpload = "a plugin is uploaded: send its WebAssembly module with content-type " + typeWasm +
		" and ?name=NAME, or as the part file of " + typeForm + " beside the other fields"
)

// ModuleQuery are the fields beside a new module that comes alone.
type ModuleQuery struct {
	Name     string `query:"name" maxLength:"128" pattern:"^[A-Za-z_][A-Za-z0-9_.-]*([/][A-Za-z0-9_][A-Za-z0-9_.-]*)*$" patternDescription:"a letter or underscore, then letters, digits and _ . - with / between parts" doc:"Of a plugin that comes as application/wasm: its name"`
	ReadOnly bool   `query:"read_only" doc:"Of a plugin that comes as application/wasm: its executions can read the app's data but change nothing, and send no HTTP requests"`
}

// ModuleChange is the field beside another module that comes alone.
type ModuleChange struct {
	Version int64 `query:"version" minimum:"0" doc:"Of a module that comes as application/wasm: the version this change was made for, at any other it is refused with 409"`
}

// takesModule lets an operation that takes JSON take modules too.
func (a *API) takesModule(op *huma.Operation) {
	op.Middlewares = append(op.Middlewares, a.takeModule)
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	text := &huma.Schema{Type: huma.TypeString}
	op.RequestBody = &huma.RequestBody{
		Description: fmt.Sprintf("A script as JSON, or the WebAssembly module of a plugin, up to %d bytes", a.maxPlugin),
		Content: map[string]*huma.MediaType{
			typeWasm: {Schema: binary},
			typeForm: {Schema: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"file"},
				Description: "The fields of the JSON besides kind and source, each a part of its own; limits is a JSON object",
				Properties: map[string]*huma.Schema{
					"file": binary, "name": text, "limits": text,
					"read_only": {Type: huma.TypeBoolean}, "version": {Type: huma.TypeInteger, Description: "Of a change"},
				},
			}},
		},
	}
}

type moduleKey struct{}

// moduleOf is the module that came with a request, nil if none did.
func moduleOf(ctx context.Context) []byte {
	module, _ := ctx.Value(moduleKey{}).([]byte)
	return module
}

// jsonRequest is a request with another body, of JSON.
type jsonRequest struct {
	humaContext
	body []byte
}

type humaContext huma.Context // whose name is not that of its method

func (r jsonRequest) Unwrap() huma.Context  { return r.humaContext }
func (r jsonRequest) BodyReader() io.Reader { return bytes.NewReader(r.body) }

func (r jsonRequest) Header(name string) string {
	if http.CanonicalHeaderKey(name) == "Content-Type" {
		return typeJSON
	}
	return r.humaContext.Header(name)
}

// takeModule is a middleware. It comes after the one that authenticates.
func (a *API) takeModule(ctx huma.Context, next func(huma.Context)) {
	body, module, err := a.readScript(ctx)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	if module != nil {
		ctx = huma.WithValue(ctx, moduleKey{}, module)
	}
	next(jsonRequest{ctx, body})
}

// readScript reads the body of a request: JSON, or what stands for it, and the module if there is
// one.
func (a *API) readScript(ctx huma.Context) (body, module []byte, err error) {
	contentType := ctx.Header("Content-Type")
	media, parameters, err := mime.ParseMediaType(contentType)
	query := ctx.URL()
	if media != typeWasm {
		for _, name := range []string{"name", "read_only", "version"} {
			if query.Query().Has(name) {
				return nil, nil, problem.InvalidField("query."+name, "is for a body of "+typeWasm+": here it belongs into the body", nil)
			}
		}
	}
	var stream io.Reader = http.NoBody
	switch streamed := front.BodyOf(ctx.Context()); {
	case streamed != nil:
		streamed.Keep()
		stream = streamed
	case media != typeWasm && media != typeForm:
		body, err = readJSON(ctx)
		return body, nil, err
	}
	fields := moduleFields{}
	switch {
	case err == nil && media == typeWasm:
		for name, values := range query.Query() {
			fields[name] = values[0]
		}
		if ctx.Method() == http.MethodPost && fields["name"] == "" {
			return nil, nil, problem.InvalidField("query.name", "required query parameter is missing", nil)
		}
		module, err = a.readModule(stream)
	case err == nil && media == typeForm && parameters["boundary"] != "":
		module, err = a.readForm(stream, parameters["boundary"], fields)
	default:
		err = problem.New(http.StatusUnsupportedMediaType, fault.Invalid, fmt.Sprintf(
			"the content type must be %s for a script, %s or %s for a plugin, got %s", typeJSON, typeWasm, typeForm, problem.Shorten(contentType)))
	}
	if err != nil {
		return nil, nil, err
	}
	body, err = fields.json(ctx.Method() == http.MethodPost)
	return body, module, err
}

// readJSON reads the body of a request that brings no module. A new plugin must: whatever else is
// wrong, its author is told how.
func readJSON(ctx huma.Context) ([]byte, error) {
	stream := ctx.BodyReader()
	if stream == nil {
		return nil, nil
	}
	body, err := io.ReadAll(stream)
	if err != nil || ctx.Method() != http.MethodPost {
		return body, err
	}
	var given struct{ Kind any }
	if json.Unmarshal(body, &given) == nil && given.Kind == string(abi.KindPlugin) {
		return nil, problem.InvalidField("body.kind", howToUpload, given.Kind)
	}
	return body, nil
}

// readModule reads a module, not much more of it than may be.
func (a *API) readModule(from io.Reader) ([]byte, error) {
	module, err := io.ReadAll(io.LimitReader(from, a.maxPlugin+1))
	if err != nil {
		return nil, err
	}
	if int64(len(module)) > a.maxPlugin {
		return nil, a.moduleTooLarge()
	}
	return module, nil
}

func (a *API) moduleTooLarge() *problem.Problem {
	reason := fmt.Sprintf("a module must not be larger than %d bytes", a.maxPlugin)
	return problem.New(http.StatusRequestEntityTooLarge, fault.TooLarge, reason, wire.FieldError{Location: "body", Message: reason})
}

// readForm reads the parts of a form: one is the module, the others are fields.
func (a *API) readForm(from io.Reader, boundary string, fields moduleFields) (module []byte, err error) {
	bounded := &io.LimitedReader{R: from, N: a.maxPlugin + maxFormExtra}
	form := multipart.NewReader(bounded, boundary)
	for parts := 0; ; parts++ {
		part, err := form.NextPart()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, bounded) // what may follow the form
			if err == nil && module == nil {
				err = problem.InvalidField("body.file", "is missing: it is the part with the module", nil)
			}
			return module, err
		}
		if err == nil {
			switch name := part.FormName(); {
			case parts == maxFormParts:
				return nil, problem.InvalidField("body", fmt.Sprintf("has more than %d parts", maxFormParts), nil)
			case name == "":
				return nil, problem.InvalidField("body", "has a part without a name", nil)
			case name == "file" && module != nil || fields.has(name):
				return nil, problem.InvalidField("body."+problem.Shorten(name), "is there twice", nil)
			case name == "file":
				module, err = a.readModule(part)
			default:
				err = fields.read(name, part)
			}
		}
		var known *problem.Problem
		switch {
		case err == nil, errors.As(err, &known):
		case bounded.N == 0:
			err = a.moduleTooLarge()
		default:
			err = problem.New(http.StatusBadRequest, fault.Invalid, "the body is not the "+typeForm+" that its content type says")
		}
		if err != nil {
			return nil, err
		}
	}
}

// moduleFields are the fields that came with a module, as text.
type moduleFields map[string]string

func (f moduleFields) has(name string) bool {
	_, ok := f[name]
	return ok
}

func (f moduleFields) read(name string, part io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxFormField:
		return problem.InvalidField("body."+problem.Shorten(name), fmt.Sprintf("must not be larger than %d bytes", maxFormField), nil)
	case !utf8.ValidString(name) || !utf8.Valid(text):
		return problem.New(http.StatusBadRequest, fault.Invalid, "the body is not valid UTF-8")
	}
	f[name] = string(text)
	return nil
}

// json is the fields as JSON, with what it must have for a new plugin. What is no text there is
// JSON already; if it is not, it goes as text and is refused there.
func (f moduleFields) json(create bool) ([]byte, error) {
	if kind, ok := f["kind"]; ok && kind != string(abi.KindPlugin) {
		return nil, problem.InvalidField("body.kind", "must be plugin or absent beside a module", kind)
	}
	if f["source"] != "" {
		return nil, problem.InvalidField("body.source", "must be absent beside a module: a plugin has no source", nil)
	}
	values := map[string]any{}
	for name, text := range f {
		values[name] = text
		if slices.Contains([]string{"limits", "read_only", "version"}, name) && json.Valid([]byte(text)) {
			values[name] = json.RawMessage(text)
		}
	}
	delete(values, "source")
	if create {
		values["kind"], values["source"] = abi.KindPlugin, ""
	}
	return json.Marshal(values)
}

func (a *API) mountModules(admin huma.API) {
	operation(a, admin, http.MethodGet, "/scripts/{id}/wasm", "download-wasm", "Download the WebAssembly module of a plugin; If-None-Match is honoured", http.StatusOK, a.downloadWasm, sendsBytes(typeWasm, false))
}

// wasmDownload is the answer to a download of a module.
type wasmDownload struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	NoSniff            string `header:"X-Content-Type-Options"`
	CacheControl       string `header:"Cache-Control"`
	ETag               string `header:"ETag" doc:"SHA-256 of the module, in hex and quotes"`
	Status             int
	Body               []byte
}

func (a *API) downloadWasm(ctx context.Context, in *struct {
	ScriptPath
	IfNoneMatch string `header:"If-None-Match"`
}) (*wasmDownload, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	if script.Kind != abi.KindPlugin {
		return nil, problem.New(http.StatusNotFound, fault.NotFound, fmt.Sprintf("%q has no module, being of kind %s", script.Name, script.Kind))
	}
	return sendWasm(script.Name, script.WasmSHA256, in.IfNoneMatch, func() (store.WasmModule, error) {
		return a.store.Scripts().Wasm(ctx, script.ID)
	})
}

// sendWasm answers with the module of a plugin, unless the client has the one with that digest.
func sendWasm(name, sha256, ifNoneMatch string, read func() (store.WasmModule, error)) (*wasmDownload, error) {
	if names(ifNoneMatch, strconv.Quote(sha256)) {
		return &wasmDownload{Status: http.StatusNotModified, ETag: strconv.Quote(sha256)}, nil
	}
	module, err := read()
	if err != nil {
		return nil, err
	}
	return &wasmDownload{
		ContentType: typeWasm, ContentDisposition: front.Attachment(path.Base(name) + ".wasm"), NoSniff: "nosniff",
		CacheControl: "private, no-cache", ETag: strconv.Quote(module.SHA256), Status: http.StatusOK, Body: module.Data,
	}, nil
}
