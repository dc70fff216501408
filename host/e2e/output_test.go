package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	shapesFile = "testdata/output.txt"
	// shapesWrite has the test write the file instead of comparing it.
	shapesWrite = "PICLOUD_SHAPES_WRITE"

	shapesHead = `# What commands print with --output json: the fields and their types, of lists those of the items. Programs
# rely on it: a field that goes, or becomes of another type, breaks them; one that is new does not.
# TestOutputShapes looks for each of them; PICLOUD_SHAPES_WRITE=1 writes what there is.
`
)

// shapes collects the types of what is at each path of a value.
func shapes(at string, value any, into map[string]string) {
	kind := fmt.Sprintf("%T", value)
	switch value := value.(type) {
	case map[string]any:
		if at != "" {
			into[at] = "object"
		}
		for key, of := range value {
			shapes(strings.TrimPrefix(at+"."+key, "."), of, into)
		}
		return
	case []any:
		for _, of := range value {
			shapes(at+"[]", of, into)
		}
		kind = "list"
	case nil:
		kind = "null"
	case json.Number:
		kind = "number"
	case bool:
		kind = "boolean"
	}
	into[strings.TrimPrefix(at, ".")] = kind
}

func TestOutputShapes(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nname: Shop\ncors: {origins: [https://a.example]}\ndomains: [shop.example]\nsecrets: [key]\n"+
		"scripts:\n  - {name: cart, limits: {timeout_ms: 500}, routes: [{route: POST /cart, rate_limit: {requests: 5}, signature: {scheme: github, secret: key}}, GET /cart]}\n"+
		"triggers:\n  - {name: q, kind: queue, script: cart, topic: t}\n  - {name: d, kind: docs, script: cart, collection: c, filter: {a: 1}}\ntopics: [{topic: news}]\nindexes: [{collection: d, path: a}]\n")
	p.write(t, "shop/cart.rhai", "log::info(\"hi\", #{a: 1}); 1")
	var out strings.Builder
	out.WriteString(shapesHead)
	for _, line := range []string{
		"deploy shop --dry-run", "deploy shop", "pull shop pulled",
		"apps list", "apps show shop", "apps usage shop", "scripts list", "scripts show cart", "scripts validate cart",
		"invoke cart", "logs cart", "executions list cart", "apps stats shop --by-script", "routes list", "routes match GET /cart",
		"triggers list", "triggers show q", "triggers preview @daily", "queues list", "topics list", "domains list", "secrets list",
		"kv put c k 1", "kv get c k", "kv list c", "kv collections", "docs put d {\"a\":1}", "docs list d", "docs collections", "docs index list",
		"files put f pulled/cart.rhai", "files list f", "files collections",
		"members list", "keys create ci --scope log:read", "keys list", "users list", "sessions list", "quota show", "audit list --limit 1", "context list", "status", "health",
	} {
		args := strings.Fields(line)
		name := strings.Join(args[:min(2, len(args))], " ")
		if slices.Contains([]string{"deploy", "pull", "invoke", "logs", "status", "health"}, args[0]) {
			name = args[0]
			if slices.Contains(args, "--dry-run") {
				name += " --dry-run"
			}
		}
		if !slices.Contains([]string{"deploy", "pull", "apps", "users", "sessions", "keys", "context", "status", "health"}, args[0]) {
			args = append(args, "--app", "shop")
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(p.must(t, append(args, "--output", "json")...))))
		decoder.UseNumber()
		var value any
		require.NoError(t, decoder.Decode(&value), "%s", line)
		of := map[string]string{}
		shapes("", value, of)
		delete(of, "")
		fmt.Fprintf(&out, "\n%s\n", name)
		for _, at := range slices.Sorted(maps.Keys(of)) {
			fmt.Fprintf(&out, "    %-40s %s\n", at, of[at])
		}
	}
	if os.Getenv(shapesWrite) != "" {
		require.NoError(t, os.WriteFile(shapesFile, []byte(out.String()), 0o644))
		return
	}
	want, err := os.ReadFile(shapesFile)
	require.NoError(t, err)
	got := map[string]string{}
	for command, lines := range byCommand(out.String()) {
		for _, line := range lines {
			at, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
			got[command+": "+at] = strings.TrimSpace(kind)
		}
	}
	for command, lines := range byCommand(string(want)) {
		for _, line := range lines {
			at, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
			if kind = strings.TrimSpace(kind); got[command+": "+at] != kind {
				t.Errorf("%s --output json: %s is %q, and programs rely on its being %s", command, at, got[command+": "+at], kind)
			}
		}
	}
}

// byCommand divides what is in the file.
func byCommand(text string) map[string][]string {
	lines := map[string][]string{}
	for part := range strings.SplitSeq(text, "\n\n") {
		command, fields, _ := strings.Cut(strings.Trim(part, "\n"), "\n")
		if !strings.HasPrefix(command, "#") {
			lines[command] = strings.Split(fields, "\n")
		}
	}
	return lines
}
