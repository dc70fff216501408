package manifest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/reference"
)

// The schema has the fields that the manifest's types have, and no others.
func TestSchemaHasEveryField(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal([]byte(Schema), &schema))
	for name, of := range map[string]reflect.Type{
		"manifest": reflect.TypeFor[document](), "script": reflect.TypeFor[scriptEntry](), "routeMapping": reflect.TypeFor[routeMapping](),
		"cors": reflect.TypeFor[wire.CORS](), "rateLimit": reflect.TypeFor[wire.RateLimit](), "signature": reflect.TypeFor[wire.Signature](),
		"staticMapping": reflect.TypeFor[staticEntry](), "trigger": reflect.TypeFor[triggerEntry](), "retry": reflect.TypeFor[retryEntry](),
		"topic": reflect.TypeFor[topicEntry](), "index": reflect.TypeFor[indexEntry](), "seed": reflect.TypeFor[seedEntry](), "limits": reflect.TypeFor[abi.Limits](),
	} {
		var fields []string
		for i := range of.NumField() {
			if !of.Field(i).IsExported() {
				continue
			}
			tag := of.Field(i).Tag.Get("yaml")
			if of == reflect.TypeFor[abi.Limits]() {
				tag = of.Field(i).Tag.Get("json")
			}
			field, _, _ := strings.Cut(tag, ",")
			fields = append(fields, field)
		}
		slices.Sort(fields)
		assert.Equal(t, fields, slices.Sorted(maps.Keys(schema.Defs[name].Properties)), "fields of %s", name)
	}
}

// The manifests on the pages that people read are manifests, by the schema and by the reader, and the pages tell of
// each key and of each kind of trigger with its details.
func TestManifestsOfTheReference(t *testing.T) {
	schema := compiledSchema(t)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	examples := 0
	for _, page := range reference.Pages() {
		text, ok := reference.Markdown(page.Name)
		require.True(t, ok, page.Name)
		for _, found := range block.FindAllStringSubmatch(text, -1) {
			examples++
			var tree any
			require.NoError(t, yaml.Unmarshal([]byte(found[1]), &tree), "%s:\n%s", page.Name, found[1])
			assert.NoError(t, schema.Validate(tree), "%s:\n%s", page.Name, found[1])
			d, err := decode([]byte(found[1]), "")
			require.NoError(t, err, "%s:\n%s", page.Name, found[1])
			_, err = readTriggers(d.Triggers)
			assert.NoError(t, err, "%s:\n%s", page.Name, found[1])
		}
	}
	assert.GreaterOrEqual(t, examples, 7)

	var read struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal([]byte(Schema), &read))
	manifest, _ := reference.Markdown("manifest")
	triggers, _ := reference.Markdown("triggers")
	for _, of := range []string{"manifest", "script", "routeMapping", "cors", "rateLimit", "signature", "staticMapping", "topic", "index"} {
		for key := range read.Defs[of].Properties {
			assert.Regexp(t, "[`{ ]"+key+"[`,}:]", manifest, "%s of %s", key, of)
		}
	}
	for key := range read.Defs["retry"].Properties {
		assert.Contains(t, triggers, "| `"+key+"` |")
	}
	for name, kind := range triggerKinds {
		i := strings.Index(triggers, "\n| `"+name+"` |")
		require.GreaterOrEqual(t, i, 0, name)
		row, _, _ := strings.Cut(triggers[i+1:], "\n")
		for _, detail := range append(slices.Sorted(maps.Keys(kind.has)), kind.needs) {
			assert.Contains(t, row, detail, name)
		}
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", tree))
	schema, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return schema
}

// ofSchema reports what the schema says of a manifest.
func ofSchema(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	require.NoError(t, err)
	return schema.Validate(tree)
}

// What can be deployed the schema allows, and most of what cannot it forbids.
func TestSchema(t *testing.T) {
	schema := compiledSchema(t)
	examples, err := filepath.Glob("../../../examples/*/" + FileName)
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, example := range examples {
		text, err := os.ReadFile(example)
		require.NoError(t, err)
		assert.NoError(t, ofSchema(t, schema, string(text)), example)
	}
	assert.NoError(t, ofSchema(t, schema, withEnvironments))
	assert.NoError(t, ofSchema(t, schema, seeded["picloud.yaml"]))
	for _, wrong := range []string{
		"name: x", "app: 1", "app: x\nscript: []", "app: x\nscripts: [{file: a.rhai}]", "app: x\nscripts: [{name: a, routes: [nowhere]}]",
		"app: x\nscripts: [{name: a, routes: [{route: /a, dispach: async}]}]", "app: x\ntriggers: [{name: a, kind: mail}]",
		"app: x\nstatic: public", "app: x\nenvironments: {a: {apps: x}}", "app: x\ntopics: [{topic: t, access: all}]",
	} {
		assert.Error(t, ofSchema(t, schema, wrong), wrong)
	}
}
