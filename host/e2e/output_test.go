package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
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

// shownCommands are run in this order, in an app shop. A line has a command, what is on its standard input behind " < ",
// and behind " => " which of its output is kept as a variable for the lines that follow. One that begins with "until" is
// run again until it has that output.
const shownCommands = `
status
login --password-stdin < $password
context list => context=[0].name
health
deploy shop --dry-run
deploy shop
pull shop pulled
invoke cart
logs cart
until executions list cart => execution=[0].id
executions show $execution
executions abandoned

apps create other
apps list
apps show shop
apps usage shop
apps stats
apps stats shop --by-script
apps cors shop --origin https://b.example
apps rename other second
apps release second other
apps export second second.picloud.tar.zst
apps import second.picloud.tar.zst --slug third
apps delete third --yes

deploy again/cart.rhai --app shop
deploy again/gone.rhai --app shop
scripts list
scripts show cart
scripts show cart --version 1
scripts versions cart
scripts diff cart
scripts restore cart 1 --yes
scripts cases cart --set cases.json
scripts cases cart
scripts cases cart --run
scripts validate cart
scripts delete gone --yes

secrets set key < sesame
secrets set spare < sesame
secrets list
secrets rotate
secrets delete spare --yes

routes list
routes match GET /cart
routes add cart GET /more
routes cors GET /more --origin https://c.example
routes limit GET /more --requests 5
routes signature GET /more --signature github --secret key
routes delete GET /more --yes

kv put c k 1
kv get c k
kv list c
kv collections
kv export c kv.jsonl
kv import c kv.jsonl
kv delete c k --yes

docs put d {"a":1} => doc=id
docs get d $doc
docs list d
docs list d --explain
docs collections
docs export d docs.jsonl
docs import d docs.jsonl
docs index add d b
docs index list
docs index delete d b --yes
docs delete d $doc --yes

files put f pulled/cart.rhai => file=id
files get f $file --to got
files list f
files collections
files export f exported
files import f exported
files delete f $file --yes

triggers list
triggers show q
triggers preview @daily
triggers create kv --script cart --name k --collection elsewhere
triggers update k --max-attempts 2
triggers pause k
triggers resume k
events pause
triggers fire k => event=event_id
events list
events show $event
events retry $event
events delete $event --yes
events resume
triggers delete k --yes

queues push nobody 1
queues list
queues messages nobody
queues clear nobody --yes
queues push fails 1
queues push fails 2
queues push fails 3
until dead-letters list => one=[0].id two=[1].id three=[2].id
dead-letters show $one
dead-letters replay $one
dead-letters resolve $two
dead-letters delete $three --yes
dead-letters purge --resolved --yes

topics set extra --access token
topics list
topics token extra
topics publish extra 1
topics delete extra --yes

domains add b.example
domains list
domains remove b.example --yes

quota show
quota set --requests 50

users create ada
users list
users show ada
members set ada editor
members list
members remove ada --yes
users invite ada
users rename ada lovelace
users role lovelace admin
users reset-password lovelace => invite=invite_url
password accept $invite --password-stdin < engine of 1843
login --context ada --url $url --username lovelace --password-stdin < engine of 1843
totp begin --password-stdin < engine of 1843
context use $context
context remove ada --yes
users reset-totp lovelace
users deactivate lovelace
users reactivate lovelace
users delete lovelace --yes

keys create ci --scope log:read => key=id
keys list
keys rotate $key => rotated=id
keys revoke $rotated --yes
keys create context --scope log:read => token=key
context add second $url --token-stdin < $token
context use $context
context remove second --yes

sessions list
sessions end --others
totp show
totp begin --password-stdin < $password => secret=secret
totp confirm $code => recovery=codes[0]
totp recovery-codes --code $recovery => recovery=codes[0]
totp disable --code $recovery

audit list --limit 1
audit export
backup all.tar.zst
verify all.tar.zst
restore all.tar.zst --data restored
password change --password-stdin < $password\nanother engine
`

// withoutApp are the nouns that are of no app, or name it in another way.
var withoutApp = []string{
	"deploy", "pull", "apps", "users", "sessions", "keys", "context", "status", "health", "login", "totp", "password", "backup", "verify", "restore",
}

// commandName is the command that words begin with, with the flags that have it print something else.
func commandName(words []string) string {
	n := 2
	switch {
	case slices.Contains([]string{"deploy", "pull", "invoke", "logs", "status", "health", "login", "backup", "verify", "restore"}, words[0]):
		n = 1
	case words[1] == "index":
		n = 3
	}
	name := strings.Join(words[:n], " ")
	for _, flag := range []string{"--dry-run", "--explain", "--run"} {
		if slices.Contains(words, flag) {
			name += " " + flag
		}
	}
	return name
}

// keyID is the name of a key that secrets are sealed with, which each server has another of.
var keyID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// shapes collects the types of what is at each path of a value.
func shapes(at string, value any, into map[string]string) {
	kind := fmt.Sprintf("%T", value)
	switch value := value.(type) {
	case map[string]any:
		if at != "" {
			into[at] = "object"
		}
		for key, of := range value {
			if keyID.MatchString(key) {
				key = "*"
			}
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
		if _, known := into[at]; known {
			return
		}
	case json.Number:
		kind = "number"
	case bool:
		kind = "boolean"
	}
	into[strings.TrimPrefix(at, ".")] = kind
}

// within returns what is at a path of a value, as in [0].id; "" for nothing.
func within(value any, path string) string {
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				return ""
			}
			value = at[i]
		}
	}
	text, _ := value.(string)
	return text
}

// Each command prints with --output json what programs rely on. That none is missing here is a test of package cli.
func TestOutputShapes(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nname: Shop\ncors: {origins: [https://a.example]}\ndomains: [shop.example]\nsecrets: [key]\n"+
		"scripts:\n  - {name: cart, limits: {timeout_ms: 500}, routes: [{route: POST /cart, rate_limit: {requests: 5}, signature: {scheme: github, secret: key}}, GET /cart]}\n"+
		"  - {name: broken}\n"+
		"triggers:\n  - {name: q, kind: queue, script: cart, topic: t}\n  - {name: d, kind: docs, script: cart, collection: c, filter: {a: 1}}\n"+
		"  - {name: fails, kind: queue, script: broken, topic: fails, retry: {max_attempts: 1}}\n"+
		"topics: [{topic: news}]\nindexes: [{collection: d, path: a}]\n")
	p.write(t, "shop/cart.rhai", "log::info(\"hi\", #{a: 1}); 1")
	p.write(t, "shop/broken.rhai", "throw \"closed\"")
	p.write(t, "again/cart.rhai", "log::info(\"hi\", #{a: 1}); 2")
	p.write(t, "again/gone.rhai", "1")
	p.write(t, "cases.json", `[{"name":"asked","request":{"method":"GET","path":"/"},"status":200}]`)
	variables := map[string]string{"url": server.url, "password": server.password}
	filled := func(text string) string {
		if strings.Contains(text, "$code") {
			code, err := totp.GenerateCode(variables["secret"], time.Now())
			require.NoError(t, err)
			variables["code"] = code
		}
		return os.Expand(text, func(name string) string {
			require.Contains(t, variables, name, text)
			return variables[name]
		})
	}
	found, names := map[string]map[string]string{}, []string(nil)
	for line := range strings.Lines(shownCommands) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		command, kept, _ := strings.Cut(line, " => ")
		command, stdin, _ := strings.Cut(command, " < ")
		command, again := strings.CutPrefix(command, "until ")
		args := strings.Fields(filled(command))
		name := commandName(args)
		if !slices.Contains(withoutApp, args[0]) {
			args = append(args, "--app", "shop")
		}
		if name == "restore" && eachtest.Kind(t) == eachtest.Postgres {
			args = append(args, "--database-url", pgtest.URL(t)) // that of the server is not empty
		}
		stdin = strings.ReplaceAll(filled(stdin), `\n`, "\n") + "\n"
		if found[name] == nil {
			found[name] = map[string]string{}
			names = append(names, name)
		}
		ask := func() bool {
			r := p.run(t, stdin, append(args, "--output", "json")...)
			require.Equal(t, exitOK, r.status, "%s", r)
			var value any
			decoder := json.NewDecoder(strings.NewReader(r.stdout))
			decoder.UseNumber()
			if err := decoder.Decode(&value); !errors.Is(err, io.EOF) {
				require.NoError(t, err, "%s", r)
			}
			shapes("", value, found[name])
			for keep := range strings.FieldsSeq(kept) {
				variable, path, _ := strings.Cut(keep, "=")
				if variables[variable] = within(value, path); variables[variable] == "" {
					return false
				}
			}
			return true
		}
		for end := time.Now().Add(patience); !ask(); time.Sleep(50 * time.Millisecond) {
			require.True(t, again && time.Now().Before(end), line)
		}
	}
	var out strings.Builder
	out.WriteString(shapesHead)
	for _, name := range names {
		fmt.Fprintf(&out, "\n%s\n", name)
		of := found[name]
		delete(of, "")
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
	for command, lines := range byCommand(string(want)) {
		for _, line := range lines {
			at, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
			if kind = strings.TrimSpace(kind); found[command][at] != kind {
				t.Errorf("%s --output json: %s is %q, and programs rely on its being %s", command, at, found[command][at], kind)
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
