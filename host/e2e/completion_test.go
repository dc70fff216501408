package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shells run a completion of typed words as each shell does, and print what the last one may be.
var shells = map[string]string{
	"bash": `source <(picloud completion bash)
		COMP_WORDS=(picloud "$@"); COMP_CWORD=$#
		_picloud
		printf '%s\n' "${COMPREPLY[@]}"`,
	// The widgets that zsh completes with work on a terminal only: theirs is what is suggested, with a colon.
	"zsh": `compdef() { }
		_describe() { print -l -- "${(@P)4}" }
		_files() { print :files }
		source <(picloud completion zsh)
		words=(picloud "$@"); CURRENT=$(( $# + 1 ))
		_picloud | sed 's/\([^\\]\):.*/\1/; s/\\//g'`,
	"fish": `picloud completion fish | source
		complete --do-complete "picloud $(string join ' ' -- $argv)" | string replace --regex "\t.*" ""; true`,
}

// Tab suggests commands, flags and what the server has.
func TestCompletion(t *testing.T) {
	p, _ := loggedIn(t)
	p.must(t, "apps", "create", "shop")
	p.must(t, "kv", "put", "settings", "motd", `"Welcome"`)
	p.must(t, "kv", "put", "settings", "theme", `"dark"`)
	p.must(t, "triggers", "create", "queue", "--script", "hello", "--name", "greeter", "--topic", "names")
	p.must(t, "queues", "push", "other/topic", "1")
	p.must(t, "routes", "add", "hello", "POST", "/hello")
	p.must(t, "topics", "set", "news", "--access", "public")
	p.must(t, "domains", "add", "shop.example")
	p.must(t, "docs", "put", "users", `{"age":36}`)
	p.must(t, "docs", "index", "add", "users", "age")
	p.write(t, "cart.rhai", "1")
	p.must(t, "deploy", "cart.rhai", "--app", "shop")
	p.env = append(p.env, "PATH="+filepath.Join(p.dir, "bin")+":/usr/local/bin:/usr/bin:/bin")
	for name, script := range shells {
		t.Run(name, func(t *testing.T) {
			shell, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			for _, test := range []struct{ typed, want string }{
				{"scripts sh", "show"},
				{"scripts show ", "hello"},
				{"scripts show --app shop ", "cart"},
				{"scripts list --app s", "shop"},
				{"apps show ", "default shop"},
				{"kv get ", "settings"},
				{"kv get settings t", "theme"},
				{"logs hello --level er", "error"},
				{"triggers pause ", "greeter"},
				{"dead-letters list --trigger gr", "greeter"},
				{"queues messages ", "names other/topic"},
				{"routes delete ", "GET POST"},
				{"routes limit GET /h", "/hello"},
				{"topics delete ", "news"},
				{"docs index delete ", "users"},
				{"docs index delete users ", "age"},
				{"domains remove ", "shop.example"},
			} {
				args := append([]string{"-c", script}, strings.Split(test.typed, " ")...)
				if name != "fish" { // whose arguments begin at once
					args = append([]string{"-c", script, name}, strings.Split(test.typed, " ")...)
				}
				c := exec.CommandContext(t.Context(), shell, args...)
				c.Dir, c.Env = p.dir, p.env
				output, err := c.CombinedOutput()
				if got := strings.Join(strings.Fields(string(output)), " "); err != nil || got != test.want {
					t.Errorf("%q is completed to %q, %v, want %q", test.typed, got, err, test.want)
				}
			}
		})
	}
}
