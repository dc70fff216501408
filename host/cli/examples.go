package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// examples are shown by --help of a command. A test parses each of them.
var examples = map[string][]string{
	"login": {
		"picloud login",
		"echo \"$PASSWORD\" | picloud login --url https://cloud.example.com --username ada --password-stdin",
		"picloud login --url https://staging.example.com --context staging",
	},
	"logout":         {"picloud logout", "picloud logout --context staging"},
	"context list":   {"picloud context list"},
	"context use":    {"picloud context use staging"},
	"context add":    {"echo \"$KEY\" | picloud context add staging https://staging.example.com --token-stdin"},
	"context remove": {"picloud context remove staging"},

	"password change": {"picloud password change"},
	"password accept": {"picloud password accept 'https://cloud.example.com/api/v1/admin/auth/invite#pcv_...'"},

	"totp show":           {"picloud totp show"},
	"totp begin":          {"picloud totp begin"},
	"totp confirm":        {"picloud totp confirm 123456"},
	"totp disable":        {"picloud totp disable", "picloud totp disable --code 123456"},
	"totp recovery-codes": {"picloud totp recovery-codes --code 123456"},

	"sessions list": {"picloud sessions list"},
	"sessions end":  {"picloud sessions end 01890a5d-ac96-774b-bcce-b302099a8057", "picloud sessions end --others"},

	"users list":           {"picloud users list"},
	"users show":           {"picloud users show ada"},
	"users create":         {"picloud users create ada", "echo \"$PASSWORD\" | picloud users create ada --role admin --password-stdin"},
	"users rename":         {"picloud users rename ada lovelace"},
	"users role":           {"picloud users role ada admin"},
	"users invite":         {"picloud users invite ada"},
	"users deactivate":     {"picloud users deactivate ada"},
	"users reactivate":     {"picloud users reactivate ada"},
	"users reset-password": {"picloud users reset-password ada", "picloud users reset-password ada --ask-password"},
	"users reset-totp":     {"picloud users reset-totp ada"},
	"users delete":         {"picloud users delete ada"},

	"help": {
		"picloud help",
		"picloud help kv.set",
		"picloud help filters",
		"picloud help --definitions > picloud.d.rhai",
	},
	"completion": {
		"source <(picloud completion bash)",
		"source <(picloud completion zsh)",
		"picloud completion fish | source",
	},

	"apps list":    {"picloud apps list"},
	"apps create":  {"picloud apps create shop --name 'The shop'"},
	"apps show":    {"picloud apps show shop --output json"},
	"apps cors":    {"picloud apps cors shop", "picloud apps cors shop --origin https://shop.example --header content-type --max-age 600", "picloud apps cors shop --off"},
	"apps usage":   {"picloud apps usage shop"},
	"apps stats":   {"picloud apps stats", "picloud apps stats shop --since 24h --step 1h", "picloud apps stats shop --by-script"},
	"apps rename":  {"picloud apps rename shop store"},
	"apps release": {"picloud apps release store shop"},
	"apps delete":  {"picloud apps delete shop", "picloud apps delete shop --yes"},
	"apps export":  {"picloud apps export shop shop.picloud.tar.zst", "picloud apps export shop - | ssh backup.example.com 'cat > shop.picloud.tar.zst'"},
	"apps import":  {"picloud apps import shop.picloud.tar.zst", "picloud apps import shop.picloud.tar.zst --slug shop-copy --output json"},

	"scripts list":     {"picloud scripts list --app shop"},
	"scripts show":     {"picloud scripts show greet", "picloud scripts show greet --source > greet.rhai", "picloud scripts show greet --version 3 --source"},
	"scripts versions": {"picloud scripts versions greet"},
	"scripts cases":    {"picloud scripts cases greet", "picloud scripts cases greet --run", "picloud scripts cases greet --set cases.json"},
	"scripts diff":     {"picloud scripts diff greet", "picloud scripts diff greet 3", "picloud scripts diff greet 3 5"},
	"scripts restore":  {"picloud scripts restore greet 3"},
	"scripts validate": {"picloud scripts validate greet", "picloud scripts validate greet changed.rhai", "picloud scripts validate new.rhai --app shop"},
	"scripts delete":   {"picloud scripts delete greet"},

	"dev": {
		"picloud dev",
		"picloud dev examples/todo --data ./todo-data",
		"picloud dev shop --context staging --env staging",
	},
	"test": {
		"picloud test",
		"picloud test examples/orders --filter report",
		"picloud test shop/cart_test.rhai --watch",
		"picloud test shop --coverage=lines.info --junit junit.xml",
	},
	"deploy": {
		"picloud deploy greet.rhai",
		"picloud deploy prices.rhai --kind module --app shop",
		"picloud deploy avatars.wasm --name avatar",
		"picloud deploy examples/todo --dry-run",
		"picloud deploy examples/todo --prune",
		"picloud deploy shop --env staging --seed",
	},
	"pull":            {"picloud pull shop ./shop", "picloud pull shop ./shop --force --context staging"},
	"status":          {"picloud status", "picloud status --context staging --output json"},
	"health":          {"picloud health", "picloud health --output json"},
	"manifest schema": {"picloud manifest schema > picloud.schema.json"},
	"invoke": {
		"picloud invoke greet --param name=Ada",
		"picloud invoke orders -d '{\"item\": 7}' -H 'X-Request-Id: 42'",
		"picloud invoke upload --data @picture.png -H 'Content-Type: image/png'",
		"picloud invoke nightly --event '{\"source\": \"cron\"}'",
	},
	"logs": {"picloud logs greet -n 20", "picloud logs --app shop --follow", "picloud logs greet --follow --level warn", "picloud logs greet --since 2h --output json"},

	"routes list":      {"picloud routes list", "picloud routes list greet"},
	"routes add":       {"picloud routes add greet GET /greet/:name", "picloud routes add hooks POST hooks.example.com/in/*", "picloud routes add paid POST /hooks/stripe --async --signature stripe --secret stripe-hooks"},
	"routes cors":      {"picloud routes cors GET /orders --origin '*'", "picloud routes cors GET /orders --inherit"},
	"routes signature": {"picloud routes signature POST /hooks/stripe --signature stripe --secret stripe-hooks", "picloud routes signature POST /hooks/stripe --off"},
	"routes limit":     {"picloud routes limit POST /login --requests 5 --per 60", "picloud routes limit /api/* --requests 100 --by header:x-api-key"},
	"routes delete":    {"picloud routes delete GET /greet/:name"},
	"routes match":     {"picloud routes match /greet/Ada", "picloud routes match POST https://hooks.example.com/in/github"},

	"members list":   {"picloud members list --app shop"},
	"members set":    {"picloud members set ada editor --app shop"},
	"members remove": {"picloud members remove ada --app shop"},

	"keys list": {"picloud keys list"},
	"keys create": {
		"picloud keys create ci --scope script:write,route:write --app shop --expires 2160h",
		"picloud keys create backup --scope app:admin > key.txt",
	},
	"keys rotate": {"picloud keys rotate 01a20970-f805-7922-8ded-6d329840dbfc --overlap 1h"},
	"keys revoke": {"picloud keys revoke 01a20970-f805-7922-8ded-6d329840dbfc"},

	"triggers list": {"picloud triggers list --app shop"},
	"triggers create": {
		"picloud triggers create docs --script mail --collection orders --operations create,update --filter '{\"paid\": true}'",
		"picloud triggers create cron --script report --name nightly --schedule '0 3 * * *' --timezone Europe/Zurich",
		"picloud triggers create queue --script resize --topic pictures --max-batch 10 --max-wait 2s --ordered",
		"picloud triggers create dead-letter --script alarm --failed-trigger nightly",
	},
	"triggers show":    {"picloud triggers show nightly"},
	"triggers update":  {"picloud triggers update nightly --schedule '0 4 * * *' --max-attempts 3", "picloud triggers update nightly --disabled", "picloud triggers update nightly --adopt"},
	"triggers delete":  {"picloud triggers delete nightly"},
	"triggers pause":   {"picloud triggers pause nightly"},
	"triggers resume":  {"picloud triggers resume nightly"},
	"triggers fire":    {"picloud triggers fire nightly", "picloud triggers fire mail-docs --data '{\"paid\": true}'"},
	"triggers preview": {"picloud triggers preview '0 9 * * 1-5' --timezone Europe/Zurich", "picloud triggers preview '@every 90m'"},

	"executions list":      {"picloud executions list greet --limit 10", "picloud executions list --outcome failed --text 'not found' --since 2h", "picloud executions list --app shop --min 500ms --follow"},
	"executions show":      {"picloud executions show 01890a5d-ac96-774b-bcce-b302099a8057"},
	"executions abandoned": {"picloud executions abandoned --app shop"},

	"events list":   {"picloud events list --state retrying", "picloud events list --trigger nightly --limit 0"},
	"events show":   {"picloud events show 01890a5d-ac96-774b-bcce-b302099a8057"},
	"events retry":  {"picloud events retry 01890a5d-ac96-774b-bcce-b302099a8057"},
	"events delete": {"picloud events delete 01890a5d-ac96-774b-bcce-b302099a8057"},
	"events pause":  {"picloud events pause --app shop"},
	"events resume": {"picloud events resume --app shop"},
	"events tail":   {"picloud events tail --source queue", "picloud events tail --output json > events.jsonl"},

	"queues list":     {"picloud queues list"},
	"queues messages": {"picloud queues messages pictures"},
	"queues push": {
		"picloud queues push pictures '{\"id\": 7}' --delay 10m",
		"picloud queues push pictures @picture.json --key ada --debounce 5s",
	},
	"queues clear": {"picloud queues clear pictures --yes"},

	"dead-letters list":    {"picloud dead-letters list --unresolved"},
	"dead-letters show":    {"picloud dead-letters show 01890a5d-ac96-774b-bcce-b302099a8057"},
	"dead-letters replay":  {"picloud dead-letters replay 01890a5d-ac96-774b-bcce-b302099a8057", "picloud dead-letters replay --trigger nightly"},
	"dead-letters resolve": {"picloud dead-letters resolve 01890a5d-ac96-774b-bcce-b302099a8057 --as handled-by-script"},
	"dead-letters delete":  {"picloud dead-letters delete 01890a5d-ac96-774b-bcce-b302099a8057"},
	"dead-letters purge":   {"picloud dead-letters purge --source queue --resolved"},

	"quota show": {"picloud quota show --app shop"},
	"quota set":  {"picloud quota set --app shop --requests 50 --burst 100 --cpu 2h --docs 1GiB", "picloud quota set --app shop --docs default --files none"},

	"domains list":   {"picloud domains list --app shop"},
	"domains add":    {"picloud domains add shop.example --app shop", "picloud domains add '*.shop.example' --app shop"},
	"domains remove": {"picloud domains remove shop.example --app shop"},

	"backup": {
		"picloud backup monday.tar.zst",
		"picloud backup monday.tar.zst.age --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
		"picloud backup monday.tar.zst.age --passphrase",
		"picloud backup - | ssh backup.example.com 'cat > monday.tar.zst'",
	},

	"audit list":   {"picloud audit list --app shop", "picloud audit list --user ada --since 48h", "picloud audit list --action login --output json"},
	"audit export": {"picloud audit export > audit.jsonl", "picloud audit export --app shop --since 2026-01-01T00:00:00Z"},
	"audit tail":   {"picloud audit tail", "picloud audit tail --app shop -n 0 --output json"},

	"topics list":    {"picloud topics list --app shop"},
	"topics set":     {"picloud topics set prices --access public", "picloud topics set orders.7"},
	"topics token":   {"picloud topics token orders.7 --ttl 10m"},
	"topics publish": {`picloud topics publish prices '{"apple": 3}'`},
	"topics delete":  {"picloud topics delete prices"},

	"secrets list":   {"picloud secrets list --app shop"},
	"secrets set":    {"pass show stripe | picloud secrets set stripe-key --app shop", "picloud secrets set tls-key --file key.pem"},
	"secrets delete": {"picloud secrets delete stripe-key"},
	"secrets rotate": {"picloud secrets rotate"},

	"kv collections": {"picloud kv collections"},
	"kv list":        {"picloud kv list settings --prefix theme. --limit 0"},
	"kv get":         {"picloud kv get settings motd"},
	"kv put": {
		"picloud kv put settings motd '\"Welcome\"' --ttl 24h",
		"picloud kv put settings offset -5",
		"picloud kv put settings theme @theme.json --if-absent",
	},
	"kv delete": {"picloud kv delete settings motd"},
	"kv export": {"picloud kv export settings settings.jsonl"},
	"kv import": {"picloud kv import settings settings.jsonl"},

	"docs collections":  {"picloud docs collections --app guestbook"},
	"docs list":         {"picloud docs list users --filter '{\"age\": {\"$gte\": 18}}' --sort '{\"age\": -1}'"},
	"docs get":          {"picloud docs get users 01890a5d-ac96-774b-bcce-b302099a8057"},
	"docs put":          {"picloud docs put users '{\"name\": \"Ada\"}'", "picloud docs put users @ada.json --id 01890a5d-ac96-774b-bcce-b302099a8057"},
	"docs delete":       {"picloud docs delete users 01890a5d-ac96-774b-bcce-b302099a8057"},
	"docs export":       {"picloud docs export users - --filter '{\"active\": true}'"},
	"docs index list":   {"picloud docs index list --app guestbook"},
	"docs index add":    {"picloud docs index add users age", "picloud docs index add users address.city"},
	"docs index delete": {"picloud docs index delete users age"},
	"docs import":       {"picloud docs import users users.jsonl"},

	"files collections": {"picloud files collections"},
	"files list":        {"picloud files list pictures"},
	"files get":         {"picloud files get pictures 01890a5d-ac96-774b-bcce-b302099a8057 --to ada.png"},
	"files put":         {"picloud files put pictures ada.png", "picloud files put pictures - --name ada.png --content-type image/png"},
	"files delete":      {"picloud files delete pictures 01890a5d-ac96-774b-bcce-b302099a8057"},
	"files export":      {"picloud files export pictures ./pictures"},
	"files import":      {"picloud files import pictures ./pictures"},
}

// exitStatuses is told by --help of the whole.
const exitStatuses = `Exit status: 0 done; 1 failed: the server refused or could not be reached, or the
script failed; 2 the command line, a PICLOUD_* variable or a manifest is wrong; 3 a
backup or an export is there, but for files that are damaged on the server; 130
interrupted.
With --output json what is wrong is told as JSON on standard error, an object a
line: {"warning": ...} and, last, {"error": {"code": ..., "message": ...}}.`

// showExamples puts the examples below what --help says of each command.
func showExamples() kong.Option {
	return kong.PostBuild(func(parser *kong.Kong) error {
		parser.Model.Detail = exitStatuses
		return kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
			switch node := node.(type) {
			case *kong.Flag:
				showEnum(node.Value)
				if node.Enum != "" && node.HasDefault && node.Default == "" && node.PlaceHolder == "" {
					node.PlaceHolder = strings.ToUpper(node.Name)
				}
			case *kong.Value:
				showEnum(node)
			}
			if command, ok := node.(*kong.Node); ok {
				if lines := examples[pathOf(command)]; len(lines) > 0 {
					command.Detail = strings.TrimLeft(command.Detail+"\n\nExamples:\n\n    "+strings.Join(lines, "\n    "), "\n")
				}
			}
			return next(nil)
		})
	})
}

// pathOf returns the words that name a command: "kv put".
func pathOf(node *kong.Node) string {
	if node.Parent == nil {
		return ""
	}
	return strings.TrimLeft(pathOf(node.Parent)+" "+node.Name, " ")
}

// showEnum writes the words of an enum as a list, without the one that stands for none.
func showEnum(value *kong.Value) {
	words := slices.DeleteFunc(strings.Split(value.Enum, ","), func(word string) bool { return word == "" })
	value.Help = strings.ReplaceAll(value.Help, "${enum}", strings.Join(words, ", "))
}
