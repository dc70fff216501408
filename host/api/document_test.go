package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/contract"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

// samples are good requests for the operations that take more than a path: a JSON body, or a query.
var samples = map[string]struct{ body, query string }{
	"login":                      {body: `{"username":"owner","password":"` + apitest.AdminPassword + `"}`},
	"accept-invite":              {body: `{"token":"of the test","password":"another horse"}`},
	"create-user":                {body: `{"username":"made","role":"member"}`},
	"update-user":                {body: `{"role":"member"}`},
	"reset-password":             {body: `{"password":"another horse"}`},
	"change-password":            {body: `{"old_password":"` + apitest.AdminPassword + `","new_password":"another horse"}`},
	"begin-totp":                 {body: `{"password":"` + apitest.AdminPassword + `"}`},
	"confirm-totp":               {body: `{"code":"of the test"}`},
	"disable-totp":               {body: `{"password":"` + apitest.AdminPassword + `"}`},
	"renew-recovery-codes":       {body: `{"password":"` + apitest.AdminPassword + `"}`},
	"create-api-key":             {body: `{"name":"k","scopes":["log:read"]}`},
	"rotate-api-key":             {body: `{"overlap":60}`},
	"set-member":                 {body: `{"role":"viewer"}`},
	"create-app":                 {body: `{"slug":"made","name":"x"}`},
	"update-app":                 {body: `{"name":"x","cors":{"origins":["https://a.example"]}}`},
	"rename-app":                 {body: `{"slug":"renamed"}`},
	"create-script":              {body: `{"name":"made","source":"1","limits":{"memory_mb":64}}`},
	"update-script":              {body: `{"source":"2","limits":{"memory_mb":64}}`},
	"restore-script-version":     {body: `{}`},
	"set-script-cases":           {body: `{"items":[{"name":"one","request":{"path":"/"},"status":200}]}`},
	"validate-script":            {body: `{"source":"1","limits":{"memory_mb":64}}`},
	"validate-source":            {body: `{"source":"1","kind":"module","name":"made","limits":{"memory_mb":64}}`},
	"run-script":                 {body: `{"request":{"path":"/","headers":{"a":"b"},"headers_all":{"c":["d"]}}}`},
	"create-route":               {body: `{"path":"/made","cors":{"origins":["*"]},"rate_limit":{"requests":5},"signature":{"scheme":"stripe","secret":"made"}}`},
	"create-domain":              {body: `{"host":"made.example"}`},
	"create-index":               {body: `{"collection":"c","path":"made"}`},
	"update-route":               {body: `{"cors":{"origins":["*"]},"rate_limit":{"requests":5,"per_seconds":60,"burst":9,"by":"header:x-key"},"signature":{"scheme":"stripe","secret":"made"}}`},
	"set-quota":                  {body: `{"kv_bytes":1000000,"cpu_ms_per_day":600000,"requests_per_second":100,"request_burst":200,"executions":8,"docs_bytes":1000000,"files_bytes":1000000,"log_bytes_per_day":1000000,"pending_events":1000}`},
	"match-route":                {body: `{"path":"/mine","new":{"path":"/made/:x"}}`},
	"preview-schedule":           {body: `{"schedule":"@daily"}`},
	"create-kv-trigger":          {body: `{"script":"main","collection":"unused","retry":{"max_attempts":2}}`},
	"create-docs-trigger":        {body: `{"script":"main","collection":"unused"}`},
	"create-files-trigger":       {body: `{"script":"main","collection":"unused"}`},
	"create-cron-trigger":        {body: `{"script":"main","schedule":"@yearly"}`},
	"create-queue-trigger":       {body: `{"script":"main","topic":"made"}`},
	"create-pubsub-trigger":      {body: `{"script":"main","topic":"made"}`},
	"create-dead-letter-trigger": {body: `{"script":"main"}`},
	"update-trigger":             {body: `{"enabled":true,"retry":{"max_attempts":2}}`},
	"fire-trigger":               {body: `{}`},
	"push-message":               {body: `{"message":1}`},
	"publish-message":            {body: `{"message":1}`},
	"replay-dead-letters":        {body: `{"source":"cron"}`},
	"purge-dead-letters":         {body: `{"source":"cron"}`},
	"resolve-dead-letter":        {body: `{"resolution":"ignored"}`},
	"deploy-app":                 {body: `{"changes":[{"operation":"set-topic","id":"t","body":{"access":"token"}}]}`},
	"set-topic":                  {body: `{"access":"token"}`},
	"create-subscriber-token":    {body: `{"ttl_ms":60000}`},
	"set-secret":                 {body: `{"value":"v"}`},
	"set-kv":                     {body: `{"value":1}`},
	"create-doc":                 {body: `{"data":{"a":1}}`},
	"put-doc":                    {body: `{"data":{"a":1}}`},
	"patch-doc":                  {body: `{"data":{"a":1}}`},
	"update-file":                {body: `{"name":"b.txt"}`},
	"upload-file":                {query: "name=a.txt"},
}

// beyond are the places of which the schema does not say all, and why: what it allows there may
// still be refused.
var beyond = map[string]string{
	"create-app body.slug":                          "must not look like an id",
	"import-app path.app":                           "must be a slug, or an app that is empty",
	"rename-app body.slug":                          "must not look like an id",
	"deploy-app body.new_app":                       "is of a dry run only",
	"deploy-app body.changes.operation":             "decides about the rest",
	"deploy-app body.changes.id":                    "of what the operation is about",
	"deploy-app body.changes.kind":                  "is of triggers only",
	"deploy-app body.changes.module":                "is of plugins only",
	"deploy-app body.changes.collection":            "is of data only",
	"deploy-app body.changes.upload":                "is of keep-file only",
	"deploy-app body.changes.body":                  "must be one of the operation",
	"create-api-key body.expires_at":                "must be in the future",
	"rotate-api-key body.expires_at":                "must be in the future",
	"change-password body.old_password":             "must be right",
	"change-password body.new_password":             "the old one has been changed",
	"begin-totp body.password":                      "must be right",
	"confirm-totp body.code":                        "must be right",
	"disable-totp body.password":                    "must be right",
	"disable-totp body.code":                        "must be right",
	"renew-recovery-codes body.password":            "must be right",
	"renew-recovery-codes body.code":                "must be right",
	"create-script body.kind":                       "the source must be of that kind",
	"create-script body.source":                     "must compile",
	"create-script body.limits.timeout_ms":          "compiling takes time",
	"update-script body.limits.timeout_ms":          "compiling takes time",
	"validate-script body.limits.timeout_ms":        "compiling takes time",
	"validate-source body.source":                   "must have no NUL",
	"validate-source body.limits.timeout_ms":        "compiling takes time",
	"create-script query.name":                      "is for application/wasm",
	"create-script query.read_only":                 "is for application/wasm",
	"create-route body.rate_limit.burst":            "must come again within 30 days",
	"update-route body.rate_limit.burst":            "must come again within 30 days",
	"update-script body.kind":                       "the source must be of that kind",
	"update-script body.source":                     "must compile",
	"update-script query.version":                   "is for application/wasm",
	"create-domain body.host":                       "the grammar of hosts",
	"create-index body.path":                        "the grammar of paths",
	"create-route body.host":                        "the grammar of hosts",
	"create-route body.host_kind":                   "must be that of the host",
	"create-route body.method":                      "in upper or lower case",
	"create-route body.path":                        "the grammar of routes",
	"create-route body.path_kind":                   "must be that of the path",
	"create-route body.signature":                   "the secret is needed",
	"update-route body.signature":                   "the secret is needed",
	"create-route body.signature.secret":            "is needed unless the scheme is none",
	"update-route body.signature.secret":            "is needed unless the scheme is none",
	"match-route body.path":                         "the grammar of paths",
	"match-route body.new.path":                     "the grammar of routes",
	"match-route body.new.host":                     "the grammar of hosts",
	"match-route body.new.method":                   "in upper or lower case",
	"preview-schedule body.schedule":                "the grammar of schedules",
	"preview-schedule body.timezone":                "must be in the IANA database",
	"run-script body.event":                         "must be absent beside request",
	"run-script body.request.path":                  "the grammar of paths",
	"set-kv body.value":                             "numbers of no more than 64 bits",
	"run-script body.request.body":                  "numbers of no more than 64 bits",
	"update-file body.content_type":                 "the grammar of media types",
	"push-message body.debounce_ms":                 "needs a key",
	"create-queue-trigger body.topic":               "is consumed already",
	"create-pubsub-trigger body.topic":              "the grammar of patterns",
	"create-cron-trigger body.schedule":             "the grammar of schedules",
	"create-cron-trigger body.timezone":             "must be in the IANA database",
	"create-kv-trigger body.collection":             "the grammar of globs",
	"create-kv-trigger body.filter":                 "the grammar of filters",
	"create-kv-trigger body.operations":             "of the kind",
	"create-docs-trigger body.collection":           "the grammar of globs",
	"create-docs-trigger body.filter":               "the grammar of filters",
	"create-docs-trigger body.operations":           "of the kind",
	"create-files-trigger body.collection":          "the grammar of globs",
	"create-files-trigger body.filter":              "the grammar of filters",
	"create-files-trigger body.operations":          "of the kind",
	"create-kv-trigger path.app":                    "must have the script",
	"create-kv-trigger body.script":                 "must be one of the app's",
	"create-kv-trigger body.retry.max_ms":           "at least base_ms",
	"create-kv-trigger body.retry.base_ms":          "at most max_ms",
	"create-docs-trigger path.app":                  "must have the script",
	"create-docs-trigger body.script":               "must be one of the app's",
	"create-docs-trigger body.retry.max_ms":         "at least base_ms",
	"create-docs-trigger body.retry.base_ms":        "at most max_ms",
	"create-files-trigger path.app":                 "must have the script",
	"create-files-trigger body.script":              "must be one of the app's",
	"create-files-trigger body.retry.max_ms":        "at least base_ms",
	"create-files-trigger body.retry.base_ms":       "at most max_ms",
	"create-cron-trigger path.app":                  "must have the script",
	"create-cron-trigger body.script":               "must be one of the app's",
	"create-cron-trigger body.retry.max_ms":         "at least base_ms",
	"create-cron-trigger body.retry.base_ms":        "at most max_ms",
	"create-queue-trigger path.app":                 "must have the script",
	"create-queue-trigger body.script":              "must be one of the app's",
	"create-queue-trigger body.retry.max_ms":        "at least base_ms",
	"create-queue-trigger body.retry.base_ms":       "at most max_ms",
	"create-pubsub-trigger path.app":                "must have the script",
	"create-pubsub-trigger body.script":             "must be one of the app's",
	"create-pubsub-trigger body.retry.max_ms":       "at least base_ms",
	"create-pubsub-trigger body.retry.base_ms":      "at most max_ms",
	"create-dead-letter-trigger path.app":           "must have the script",
	"create-dead-letter-trigger body.script":        "must be one of the app's",
	"create-dead-letter-trigger body.retry.max_ms":  "at least base_ms",
	"create-dead-letter-trigger body.retry.base_ms": "at most max_ms",
	"update-trigger body.script":                    "must be one of the app's",
	"update-trigger body.retry.max_ms":              "at least base_ms",
	"update-trigger body.retry.base_ms":             "at most max_ms",
	"update-trigger body.schedule":                  "is of another kind",
	"update-trigger body.timezone":                  "is of another kind",
	"update-trigger body.catch_up":                  "is of another kind",
	"update-trigger body.topic":                     "is of another kind",
	"update-trigger body.max_batch":                 "is of another kind",
	"update-trigger body.max_wait_ms":               "is of another kind",
	"update-trigger body.ordered":                   "is of another kind",
	"update-trigger body.source":                    "is of another kind",
	"update-trigger body.failed_trigger":            "is of another kind",
	"update-trigger body.failed_script":             "is of another kind",
	"update-trigger body.collection":                "the grammar of globs",
	"update-trigger body.filter":                    "the grammar of filters",
	"update-trigger body.operations":                "of the kind",
	"list-app-executions query.script":              "must be one of the app's",
	"list-app-executions query.after":               "must be one that was answered",
	"list-executions query.after":                   "must be one that was answered",
	"get-series query.script":                       "must be one of the app's",
	"find-docs query.filter":                        "the grammar of filters",
	"find-docs query.sort":                          "the grammar of sorts",
	"update-app body.cors.origins":                  "the grammar of origins",
	"create-route body.cors.origins":                "the grammar of origins",
	"update-route body.cors.origins":                "the grammar of origins",
	"create-route body.cors.credentials":            "must not be given to every origin",
	"update-route body.cors.credentials":            "must not be given to every origin",
}

// writeDocument is what `make dashboard` sets: the file that it reads the document from.
const writeDocument = "PICLOUD_DOCUMENT_WRITE"

func TestDocumentIsWritten(t *testing.T) {
	file := os.Getenv(writeDocument)
	if file == "" {
		t.Skip("make dashboard has it")
	}
	require.NoError(t, os.WriteFile(file, newSite(t).Fetch("GET", "/api/v1/openapi.json", "").Content, 0o600))
}

// document is the one that a server has of itself, compiled apart from its own checks.
type document struct {
	tree     map[string]any
	compiler *jsonschema.Compiler
}

func documentOf(t *testing.T, s *site) *document {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.Fetch("GET", "/api/v1/openapi.json", "").Content))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: "int64", Validate: func(v any) error {
		if number, ok := v.(json.Number); ok {
			_, err := number.Int64()
			return err
		}
		return nil
	}})
	c.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: func(v any) error {
		text, ok := v.(string)
		if _, err := time.Parse(time.RFC3339Nano, text); ok && err != nil { // which has no leap seconds
			return err
		}
		return nil
	}})
	require.NoError(t, c.AddResource("urn:document", tree))
	return &document{tree.(map[string]any), c}
}

// schema is one of the document: what it says, and what tells valid values from others.
type schema struct {
	document *document
	says     map[string]any
	compiled *jsonschema.Schema
}

// at is the schema by a JSON pointer.
func (d *document) at(t *testing.T, pointer string) schema {
	t.Helper()
	var tree any = d.tree
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if array, ok := tree.([]any); ok {
			i, err := strconv.Atoi(token)
			require.NoError(t, err)
			tree = array[i]
		} else {
			tree = tree.(map[string]any)[token]
		}
	}
	compiled, err := d.compiler.Compile("urn:document#" + (&url.URL{Path: pointer}).EscapedPath())
	require.NoError(t, err)
	return schema{d, tree.(map[string]any), compiled}
}

// resolved is what a schema says, or the one it refers to.
func (d *document) resolved(says any) map[string]any {
	schema, _ := says.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		return d.resolved(d.tree["components"].(map[string]any)["schemas"].(map[string]any)[strings.TrimPrefix(ref, "#/components/schemas/")])
	}
	return schema
}

// allows reports whether a value is valid.
func (s schema) allows(t *testing.T, value any) bool {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return s.compiled.Validate(tree) == nil && s.document.fits(s.says, tree)
}

// fits reports whether no text in a value has more bytes than it may.
func (d *document) fits(says any, value any) bool {
	schema := d.resolved(says)
	switch value := value.(type) {
	case string:
		most, bounded := schema[contract.MaxBytes].(json.Number)
		return !bounded || len(value) <= integer(most)
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !d.fits(schema["items"], item) })
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, within := range value {
			if !d.fits(properties[name], within) {
				return false
			}
		}
	}
	return true
}

func integer(v any) int {
	number, _ := v.(json.Number)
	i, _ := strconv.Atoi(string(number))
	return i
}

// texts are texts at the bounds that a schema sets, and others that often go wrong.
func texts(schema map[string]any) []string {
	all := []string{"", "a", "A", "/", "/a", "*", ".", "..", "...", `"1"`, `"0"`, "1", "a\x00", "a\nb", "a\u0085", "\u2028", "é", "null", "2026-01-31T08:00:00Z", "2026-01-31", "2026-01-31T23:59:60Z", strings.Repeat("é", 40)}
	for _, bound := range []string{"minLength", "maxLength", contract.MaxBytes} {
		if _, ok := schema[bound]; !ok {
			continue
		}
		for _, n := range []int{integer(schema[bound]) - 1, integer(schema[bound]), integer(schema[bound]) + 1} {
			if n >= 0 {
				all = append(all, strings.Repeat("a", n), strings.Repeat("é", n/2), strings.Repeat("é", n), "/"+strings.Repeat("a", max(n-1, 0)))
			}
		}
	}
	if options, ok := schema["enum"].([]any); ok {
		for _, option := range options {
			all = append(all, option.(string), strings.ToUpper(option.(string)))
		}
	}
	return all
}

// values are values at the bounds that a schema sets, and of all types.
func (d *document) values(says any) []any {
	schema := d.resolved(says)
	all := []any{
		nil, true, "1", 0, 1, -1, 1.5, json.Number("1.0"), json.Number("9223372036854775807"), json.Number("9223372036854775808"), json.Number("1e999"),
		[]any{}, []any{nil}, []any{1}, map[string]any{}, map[string]any{"a": nil}, map[string]any{"a": 1},
	}
	for _, bound := range []string{"minimum", "maximum"} {
		if _, ok := schema[bound]; ok {
			all = append(all, integer(schema[bound])-1, integer(schema[bound]), integer(schema[bound])+1)
		}
	}
	switch schema["type"] {
	case "string":
		for _, text := range texts(schema) {
			all = append(all, text)
		}
	case "array":
		for _, item := range d.values(schema["items"]) {
			all = append(all, []any{item})
		}
		if _, ok := schema["maxItems"]; ok {
			for _, n := range []int{integer(schema["maxItems"]), integer(schema["maxItems"]) + 1} {
				all = append(all, slices.Repeat([]any{"a"}, n))
			}
		}
	case "object":
		if more := d.resolved(schema["additionalProperties"]); more != nil {
			for _, within := range d.values(more) {
				all = append(all, map[string]any{"a": within})
			}
		}
	}
	return all
}

// operation is one of the document, with what a request for it needs.
type operation struct {
	id, method, path, pointer string
	says                      map[string]any
}

// whole is the path of an operation, which most have below that of the admin API.
func whole(path string) string {
	if strings.HasPrefix(path, "/api/") {
		return path
	}
	return api.AdminPrefix + path
}

func (d *document) operations() (all []operation) {
	for path, methods := range d.tree["paths"].(map[string]any) {
		for method, says := range methods.(map[string]any) {
			says := says.(map[string]any)
			all = append(all, operation{says["operationId"].(string), strings.ToUpper(method), strings.TrimPrefix(path, api.AdminPrefix),
				"/paths/" + strings.ReplaceAll(path, "/", "~1") + "/" + method, says})
		}
	}
	// What ends something comes after all that needs it.
	last := []string{"replay-dead-letters", "delete-dead-letter", "purge-dead-letters", "delete-kv", "delete-doc", "delete-file", "delete-api-key", "delete-event", "delete-topic", "delete-index", "delete-domain", "delete-secret", "delete-trigger", "delete-route", "delete-script", "delete-app", "delete-user", "end-session", "logout", "end-sessions"}
	slices.SortFunc(all, func(a, b operation) int {
		if i, j := slices.Index(last, a.id), slices.Index(last, b.id); i != j {
			return i - j
		}
		return strings.Compare(a.id, b.id)
	})
	return all
}

// attempt is a request that differs from a good one at one place.
type attempt struct {
	place string // body.cors.max_age; "" of the good one
	value any
	valid bool
	path  map[string]string
	query string
	head  []string
	body  any
}

// attempts are the good request for an operation and those that differ from it.
func (d *document) attempts(t *testing.T, op operation, path map[string]string) []attempt {
	t.Helper()
	sample, given := samples[op.id]
	good := attempt{valid: true, path: path, query: sample.query}
	var body any
	if content := d.jsonBody(op); content != nil {
		require.True(t, given, "%s has no sample of a body", op.id)
		require.NoError(t, json.Unmarshal([]byte(sample.body), &body))
		good.body = body
	}
	all := []attempt{good}
	parameters, _ := op.says["parameters"].([]any)
	for i := range parameters {
		p := d.at(t, fmt.Sprintf("%s/parameters/%d/schema", op.pointer, i))
		in, name := parameters[i].(map[string]any)["in"].(string), parameters[i].(map[string]any)["name"].(string)
		for _, text := range append(texts(p.says), "0", "1.0", "01", "-1", "+1", "1000", "1001", "9223372036854775808", "true", "T") {
			var value any = text
			switch p.says["type"] {
			case "integer":
				if json.Valid([]byte(text)) && strings.Trim(text, "-0123456789.") == "" {
					value = json.Number(text)
				}
			case "boolean":
				if text == "true" || text == "false" {
					value = text == "true"
				}
			}
			a := good
			a.place, a.value, a.valid = in+"."+name, text, p.allows(t, value)
			switch in {
			case "path":
				if text == "" || text == "." || text == ".." {
					continue // which make it another path
				}
				a.path = maps.Clone(path)
				a.path[name] = text
			case "query":
				query, err := url.ParseQuery(good.query)
				require.NoError(t, err)
				query.Set(name, text)
				a.query = query.Encode()
			case "header":
				if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 1000 {
					continue
				}
				a.head = []string{name + ": " + text}
			}
			all = append(all, a)
		}
	}
	unknown := good
	unknown.place, unknown.valid, unknown.query = "query.surprise", false, good.query+"&surprise=1"
	all = append(all, unknown)
	if body == nil {
		return all
	}
	whole := d.at(t, op.pointer+"/requestBody/content/application~1json/schema")
	try := func(place string, value, changed any) {
		a := good
		a.place, a.value, a.body, a.valid = place, value, changed, whole.allows(t, changed)
		all = append(all, a)
	}
	for _, value := range d.values(whole.says) {
		if _, object := value.(map[string]any); !object {
			try("body", value, value)
		}
	}
	var within func(place string, says any, put func(any) any, present any)
	within = func(place string, says any, put func(any) any, present any) {
		schema := d.resolved(says)
		for name, property := range schema["properties"].(map[string]any) {
			at := place + "." + name
			object, _ := present.(map[string]any)
			putThis := func(value any) any {
				changed := maps.Clone(object)
				if changed == nil {
					changed = map[string]any{}
				}
				changed[name] = value
				return put(changed)
			}
			for _, value := range d.values(property) {
				try(at, value, putThis(value))
			}
			if object[name] != nil {
				less := maps.Clone(object)
				delete(less, name)
				try(at, "(absent)", put(less))
			}
			if d.resolved(property)["properties"] != nil {
				within(at, property, putThis, object[name])
			}
		}
	}
	within("body", whole.says, func(v any) any { return v }, body)
	return all
}

func (d *document) jsonBody(op operation) map[string]any {
	request, _ := op.says["requestBody"].(map[string]any)
	content, _ := request["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	return media
}

// answered says what is wrong with an answer by the document, nil if nothing is.
func (d *document) answered(t *testing.T, op operation, got answer) error {
	t.Helper()
	responses := op.says["responses"].(map[string]any)
	key := strconv.Itoa(got.StatusCode)
	response, ok := responses[key].(map[string]any)
	if !ok {
		if key = "default"; got.StatusCode < 400 {
			return errors.New("this status is not documented")
		}
		response = responses[key].(map[string]any)
	}
	content, _ := response["content"].(map[string]any)
	if len(content) == 0 || op.method == "HEAD" {
		if len(got.Content) > 0 {
			return errors.New("there is a body, and the document has none")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if content[media] == nil && content["*/*"] == nil {
		return fmt.Errorf("the type %s is not documented", media)
	}
	if content[media] == nil || !strings.HasSuffix(media, "json") {
		return nil
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.Content))
	if err != nil {
		return err
	}
	return d.at(t, op.pointer+"/responses/"+key+"/content/"+strings.ReplaceAll(media, "/", "~1")+"/schema").compiled.Validate(tree)
}

// Every operation of the document takes what it allows, refuses what it does not, at the place where
// that is, and answers as it says.
func TestDocumentIsWhatIsDone(t *testing.T) {
	s := newSite(t)
	s.App("former")
	app := do[wire.App](s, "POST", "apps/former:rename", `{"slug":"shop"}`, 200)
	roomy := func() { // for the events of thousands of changes
		do[wire.Quota](s, "PUT", "apps/shop/quota", `{"pending_events":1000000}`, 200)
	}
	roomy()
	script := s.Script("shop", "main", "1")
	plugin := s.plugin("shop", "plugin", pluginModule(""))
	route := s.Route(script, "GET", "/mine")
	run := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/k", `{"value":1}`, 200)
	doc := do[wire.Document](s, "POST", "apps/shop/docs/c", `{"data":{"a":1}}`, 201)
	file := s.store("shop", "c", "f.txt", "text/plain", "hello")
	trigger := do[wire.Trigger](s, "POST", "apps/shop/triggers/kv", `{"script":"main","collection":"unused"}`, 201)
	event := do[wire.EventMade](s, "POST", "apps/shop/queues/kept/messages", `{"message":1}`, 202).EventID
	do[wire.Topic](s, "PUT", "apps/shop/topics/made", `{"access":"token"}`, 200)
	do[wire.Secret](s, "PUT", "apps/shop/secrets/made", `{"value":"v"}`, 200)
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{"log:read"}}, 201)
	rotated := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{"log:read"}}, 201)
	user := do[wire.User](s, "POST", "users", wire.UserCreate{Username: "ada", Password: new("engine of 1843"), Role: "member"}, 201)
	invited := do[wire.User](s, "POST", "users", wire.UserCreate{Username: "invited", Role: "member"}, 201)
	cautious, _ := s.withFactor("cautious")
	ids := map[string]string{ // by how the path begins
		"/users/": user.ID, "/users/{id}:invite": invited.ID, "/users/{id}/totp": cautious,
		"/me/keys/": key.ID, "/me/keys/{id}:rotate": rotated.ID,
		"/scripts/": script.ID, "/scripts/{id}/wasm": plugin.ID, "/scripts/{id}/versions/{n}/wasm": plugin.ID, "/routes/": route.ID, "/executions/": run.ExecutionID,
		"/apps/{app}/docs/": doc.ID, "/apps/{app}/files/": file.ID, "/triggers/": trigger.ID, "/events/": event,
		"/apps/{app}/domains/":      do[wire.Domain](s, "POST", "apps/shop/domains", `{"host":"shop.example"}`, 201).ID,
		"/apps/{app}/docs-indexes/": do[wire.Index](s, "POST", "apps/shop/docs-indexes", `{"collection":"c","path":"mine"}`, 201).ID,
		"/dead-letters/":            s.deadLetter(app.ID), "/dead-letters/{id}:replay": s.deadLetter(app.ID), "/dead-letters/{id}:resolve": s.deadLetter(app.ID),
	}
	asWritten := maps.Clone(samples) // this test fills in what is made only here
	t.Cleanup(func() { samples = asWritten })
	d := documentOf(t, s)
	tried := map[bool]int{}
	for _, op := range d.operations() {
		path := map[string]string{"app": app.Slug, "collection": "c", "key": "k", "topic": "made", "name": "made", "user": user.ID, "slug": "former", "n": "1"}
		for _, prefix := range slices.Sorted(maps.Keys(ids)) {
			if strings.HasPrefix(op.path, prefix) {
				path["id"] = ids[prefix]
			}
		}
		token := s.Token
		switch sample := samples[op.id]; op.id { // what works once, and what changes who asks
		case "accept-invite":
			invited := do[wire.User](s, "POST", "users", `{"username":"guest","role":"member"}`, 201)
			sample.body = strings.Replace(sample.body, "of the test", tokenOf(invited), 1)
			samples[op.id] = sample
		case "import-app":
			s.App("empty")
			path["app"], sample.body = "empty", string(s.archiveOf("empty"))
			samples[op.id] = sample
		case "change-password", "begin-totp":
			token = s.User("for "+op.id, store.RoleMember)
		case "confirm-totp":
			var key wire.TOTPKey
			token, key = s.begun("for " + op.id)
			sample.body = strings.Replace(sample.body, "of the test", codeNow(t, key), 1)
			samples[op.id] = sample
		case "disable-totp", "renew-recovery-codes":
			_, token = s.withFactor("for " + op.id)
		case "delete-api-key-of-user":
			usersKey, err := s.DB.APIKeys().Create(t.Context(), store.APIKey{UserID: user.ID, Name: "k", KeyHash: "of nobody", Scopes: []string{"log:read"}}) // who may be deactivated
			require.NoError(t, err)
			path["api_key"] = usersKey.ID
		case "end-session":
			s.loggedIn("owner")
			for _, session := range do[wire.Page[wire.Session]](s, "GET", "me/sessions", nil, 200).Items {
				if !session.Current {
					path["id"] = session.ID
				}
			}
		}
		attempts := d.attempts(t, op, path)
		if op.id == "delete-kv" { // what was set has an end
			do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/k", `{"value":1}`, 200)
		}
		if op.id == "remove-member" {
			require.NoError(t, s.DB.Apps().SetMember(t.Context(), app.ID, user.ID, store.RoleViewer))
		}
		if op.id == "logout" {
			slices.Reverse(attempts) // the good one ends the session
		}
		for _, a := range attempts {
			address := op.path
			for name, value := range a.path {
				address = strings.ReplaceAll(address, "{"+name+"}", url.PathEscape(value))
			}
			var body string
			if a.body != nil || strings.HasPrefix(a.place, "body") {
				text, err := json.Marshal(a.body)
				require.NoError(t, err)
				body = string(text)
			}
			if d.jsonBody(op) == nil {
				body = samples[op.id].body
			}
			switch op.id {
			case "end-sessions":
				token = s.loggedIn("owner")
			case "create-index": // of which a collection may have a few
				made, err := s.DB.Docs().Indexes(t.Context(), app.ID, "c")
				require.NoError(t, err)
				for _, index := range made {
					if index.Path != "mine" {
						require.NoError(t, s.DB.Docs().Drop(t.Context(), app.ID, index.ID))
					}
				}
			}
			headers := append(a.head, "Authorization: Bearer "+token)
			if body != "" {
				headers = append(headers, "Content-Type: application/json")
			}
			if a.place == "" {
				headers = append(headers, "X-Request-Id: "+op.id)
			}
			got := s.Fetch(op.method, whole(address)+"?"+a.query, body, headers...)
			if a.place == "" {
				checkRecorded(t, s, op)
			}
			tried[a.valid]++
			tells := fmt.Sprintf("%s: %s with %s = %.80q (%T) answers %d: %.300s", op.id, op.method, a.place, fmt.Sprint(a.value), a.value, got.StatusCode, got.Content)
			if err := d.answered(t, op, got); err != nil {
				t.Errorf("%s: is not as documented: %v", tells, err)
			}
			refused := got.StatusCode == 400 || got.StatusCode == 422
			switch {
			case a.place == "" && got.StatusCode >= 300:
				t.Errorf("%s: the sample is refused", tells)
			case !a.valid && !refused:
				t.Errorf("%s: is not valid and not refused", tells)
			case !a.valid && op.method != "HEAD":
				var p wire.Problem
				require.NoError(t, json.Unmarshal(got.Content, &p), tells)
				if !slices.ContainsFunc(p.Errors, func(e wire.FieldError) bool { return strings.HasPrefix(e.Location, a.place) }) {
					t.Errorf("%s: the place is not told", tells)
				}
			case a.valid && (refused || got.StatusCode >= 500) && (beyond[op.id+" "+a.place] == "" || got.StatusCode != 422) && a.place != "query.cursor":
				t.Errorf("%s: is valid and refused", tells)
			}
		}
		if op.id == "set-quota" {
			roomy()
		}
	}
	assert.Greater(t, tried[true], 500)
	assert.Greater(t, tried[false], 1000)
	t.Logf("%d valid requests, %d others", tried[true], tried[false])
}
