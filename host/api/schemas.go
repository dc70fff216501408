package api

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/contract"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/identity"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// What the document says of requests beyond the tags of the types in package wire: bounds that are
// constants of the services, or the operator's.

// Patterns of texts. noControl has all but Unicode's control characters, which are those of Latin-1.
const (
	noControl = `[^\x00-\x1f\x7f-\x9f]`
	inName    = `[^\x00-\x1f\x7f-\x9f/\\]` // of a file
)

func pointer[T any](v T) *T { return &v }

// bound adds to a schema how long its text may be, in bytes.
func bound(s *huma.Schema, least, most int) *huma.Schema {
	s.MinLength, s.MaxLength = pointer(least), pointer(most)
	s.Extensions = map[string]any{contract.MaxBytes: most}
	return s
}

// match adds to a schema what its text must look like.
func match(s *huma.Schema, pattern, says string) *huma.Schema {
	s.Pattern, s.PatternDescription = pattern, says
	return s
}

// named makes a schema that of a name by [store.CheckName].
func named(s *huma.Schema, most int) {
	match(bound(s, 1, most), "^"+noControl+"+$", "text without control characters")
}

// secretName makes a schema that of the name of a secret.
func secretName(s *huma.Schema) {
	match(bound(s, 1, secrets.MaxNameBytes), "^[A-Za-z0-9][A-Za-z0-9_.-]*$", "letters, digits, and _ - and . that do not come first")
}

// fileName makes a schema that of the name of a file.
func fileName(s *huma.Schema) {
	match(bound(s, 1, files.MaxNameBytes), `^(\.{0,2}(`+strings.Replace(inName, "[^", `[^.`, 1)+`)`+inName+`*|\.{3,}`+inName+`*)$`,
		"the name of a file, without path separators and control characters, and neither . nor ..")
}

// between bounds a schema of numbers.
func between(s *huma.Schema, least, most int64) {
	s.Minimum, s.Maximum = pointer(float64(least)), pointer(float64(most))
}

// refine adds all of that to the document.
func (a *API) refine(document *huma.OpenAPI) {
	for path, item := range document.Paths {
		for _, operation := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Patch, item.Delete} {
			if operation == nil {
				continue
			}
			for _, p := range operation.Parameters {
				switch p.In + "." + p.Name {
				case "path.collection":
					named(p.Schema, store.MaxCollectionBytes)
				case "path.topic":
					named(p.Schema, abi.MaxTopicBytes)
				case "path.key":
					named(p.Schema, kv.MaxKeyBytes)
				case "path.name":
					secretName(p.Schema)
				case "query.collection":
					match(bound(p.Schema, 0, store.MaxCollectionBytes), "^"+noControl+"*$", "text without control characters")
				case "query.prefix":
					match(bound(p.Schema, 0, kv.MaxKeyBytes), "^"+noControl+"*$", "text without control characters")
				case "query.name":
					if strings.Contains(path, "/files/") {
						fileName(p.Schema)
					}
				}
			}
		}
	}

	schemas := document.Components.Schemas.Map()
	field := func(of, name string) *huma.Schema {
		s := schemas[of].Properties[name]
		if s == nil {
			panic(fmt.Sprintf("%s has no field %s", of, name))
		}
		if s.Items != nil && s.Items.Type == huma.TypeString {
			return s.Items
		}
		return s
	}
	for _, name := range []string{"AppCreate", "AppUpdate", "APIKeyCreate"} {
		match(field(name, "name"), "^"+noControl+"*$", "text without control characters")
	}
	for _, name := range []string{"UserCreate", "UserUpdate"} {
		match(bound(field(name, "username"), 1, identity.MaxUsernameBytes), `^[^\x00-\x20\x7f-\xa0\p{Z}]+$`, "text without spaces and control characters")
	}
	for name, of := range map[string]string{"UserCreate": "password", "PasswordReset": "password", "InviteAccept": "password", "PasswordChange": "new_password"} {
		bound(field(name, of), authz.MinPasswordBytes, authz.MaxPasswordBytes)
	}
	for _, name := range []string{"ScriptCreate", "ScriptUpdate", "Validate"} {
		match(bound(field(name, "source"), 0, catalog.MaxSourceBytes), contract.NoNUL, "text without NUL")
	}
	ceiling := abi.DefaultCeiling
	if a.executions != nil {
		ceiling = a.executions.Ceiling()
	}
	limits := reflect.ValueOf(ceiling)
	for i := range limits.NumField() {
		name, _, _ := strings.Cut(limits.Type().Field(i).Tag.Get("json"), ",")
		between(field("Limits", name), 1, limits.Field(i).Int())
	}
	bound(field("SecretSet", "value"), 1, secrets.MaxValueBytes)
	secretName(field("Signature", "secret"))
	between(field("KVSet", "ttl_ms"), 1, kv.MaxTTLMillis)
	field("DocumentWrite", "data").Type = huma.TypeObject
	field("RunRequest", "event").Type = huma.TypeObject
	field("ScriptCase", "event").Type = huma.TypeObject
	match(bound(field("ScriptCase", "name"), 1, catalog.MaxCaseNameBytes), "^"+noControl+"+$", "text without control characters")
	field("ScriptCasesSet", "items").MaxItems = pointer(catalog.MaxCases)
	fileName(field("FileUpdate", "name"))
	const (
		token     = "[!#$%&'*+.^_`|~0-9A-Za-z-]+" // of RFC 9110
		oneToken  = "^" + token + "$"
		mediaType = "^" + token + "/" + token + "($|[ \t]*;)"
	)
	match(bound(field("FileUpdate", "content_type"), 1, files.MaxContentTypeBytes), mediaType, "a media type as in text/plain")
	match(bound(field("RouteCreate", "path"), 1, routing.MaxPathBytes), "^/", "a path that begins with /")
	bound(field("DomainCreate", "host"), 1, domains.MaxBytes)
	match(field("RateLimit", "by"), "^(address|route|header:"+token+")$", "address, route, or header: and the name of a header")
	for _, part := range quota.Fields {
		between(field("QuotaSet", part.Name), 0, part.Most)
	}
	match(field("RouteMatch", "path"), "^/", "a path that begins with /")
	match(bound(field("RoutePattern", "path"), 1, routing.MaxPathBytes), "^/", "a path that begins with /")
	match(field("Request", "path"), "^(/|$)", "a path that begins with /")

	bound(field("CORS", "origins"), 1, routing.MaxCORSText)
	match(bound(field("CORS", "methods"), 1, routing.MaxCORSText), oneToken, "a method")
	for _, name := range []string{"headers", "expose"} {
		match(bound(field("CORS", name), 1, routing.MaxCORSText), oneToken, "the name of a header")
	}
	for _, name := range []string{"origins", "methods", "headers", "expose"} {
		schemas["CORS"].Properties[name].MaxItems = pointer(routing.MaxCORSEntries)
	}
	between(field("CORS", "max_age"), 0, routing.MaxCORSAge)

	named(field("IndexCreate", "collection"), store.MaxCollectionBytes)
	match(bound(field("IndexCreate", "path"), 1, docs.MaxIndexPath), contract.NoNUL, "text without NUL")

	kinds := []string{"DataTriggerCreate", "CronTriggerCreate", "QueueTriggerCreate", "PubSubTriggerCreate", "DeadLetterTriggerCreate", "TriggerUpdate"}
	for _, name := range kinds {
		named(field(name, "name"), events.MaxNameBytes)
	}
	for _, name := range []string{"DataTriggerCreate", "TriggerUpdate"} {
		named(field(name, "collection"), store.MaxCollectionBytes)
	}
	for _, name := range []string{"QueueTriggerCreate", "PubSubTriggerCreate", "TriggerUpdate"} {
		named(field(name, "topic"), abi.MaxTopicBytes)
	}
	for _, name := range []string{"DeadLetterTriggerCreate", "TriggerUpdate"} {
		for _, of := range []string{"failed_trigger", "failed_script"} {
			match(field(name, of), "^"+noControl+"*$", "text without control characters")
		}
	}
	for _, name := range []string{"key", "dedupe"} {
		match(bound(field("MessagePush", name), 0, abi.MaxTopicBytes), "^"+noControl+"*$", "text without control characters")
	}

	for _, name := range []string{"headers", "headers_all", "query", "query_all", "params"} {
		within := field("Request", name)
		within.MaxProperties = pointer(maxRunFields)
		if items, ok := within.AdditionalProperties.(*huma.Schema); ok && items.Type == huma.TypeArray {
			items.MaxItems = pointer(maxRunFields)
		}
	}
}

// maxRunFields bounds the headers and the parameters of a test run's request.
const maxRunFields = 1000

// documented completes what an operation answers: whatever is not documented otherwise is a problem.
func documented(admin huma.API, op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{
		Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problemSchema(admin)}},
	}
}

func problemSchema(admin huma.API) *huma.Schema {
	return admin.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(huma.NewError(0, "")).Elem(), true, "Problem")
}

// alsoCreates documents that an operation answers 201, with the same body, when it has made something.
func alsoCreates[T any](admin huma.API) func(*huma.Operation) {
	return func(op *huma.Operation) {
		schema := admin.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
		op.Responses = map[string]*huma.Response{"201": {
			Description: http.StatusText(http.StatusCreated), Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}}
	}
}

// sendsBytes documents that an operation answers bytes of a media type, and 304 when the client has
// them.
func sendsBytes(media string, ranges bool) func(*huma.Operation) {
	return func(op *huma.Operation) {
		content := map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
		if op.Method == http.MethodHead {
			content = nil
		}
		op.Responses = map[string]*huma.Response{
			"200": {Description: "The bytes", Content: content},
			"304": {Description: "The client has them: If-None-Match names their ETag"},
		}
		header := func(name, says string) {
			op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "header", Description: says, Schema: &huma.Schema{Type: huma.TypeString}})
		}
		header("If-None-Match", "ETags of what the client has, or *")
		if ranges {
			op.Responses["206"] = &huma.Response{Description: "The ranges that Range asks for", Content: content}
			header("Range", "Which bytes to send, as in bytes=0-99 (RFC 9110)")
		}
	}
}
