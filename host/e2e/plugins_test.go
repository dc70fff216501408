package e2e

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// wasmAnswering is the module of a plugin that exports handle, () -> i32, and
// answers nothing. A custom section makes it one of its own.
func wasmAnswering(note string) string {
	return "\x00asm\x01\x00\x00\x00" + "\x01\x05\x01\x60\x00\x01\x7f" + "\x03\x02\x01\x00" +
		"\x07\x0a\x01\x06handle\x00\x00" + "\x0a\x06\x01\x04\x00\x41\x00\x0b" +
		"\x00" + string(binary.AppendUvarint(nil, uint64(len(note)+5))) + "\x04note" + note
}

func TestDeployPlugin(t *testing.T) {
	p, server := loggedIn(t)
	first, second := wasmAnswering("first"), wasmAnswering("second \xff\x00")
	p.write(t, "echo.wasm", first)
	for _, want := range []string{"created (version 1)", "unchanged (version 1)"} {
		if got := p.must(t, "deploy", "echo.wasm"); !strings.Contains(got, "script  echo  "+want) {
			t.Errorf("printed\n%s\nwant %s", got, want)
		}
	}
	p.write(t, "echo.wasm", second)
	if got := p.must(t, "deploy", "echo.wasm", "--kind", "plugin"); !strings.Contains(got, "script  echo  updated (version 2)") {
		t.Errorf("printed\n%s\nwant version 2", got)
	}
	p.write(t, "no-suffix", second) // its bytes tell what it is
	p.must(t, "deploy", "no-suffix", "--name", "other")
	if s := decode[wire.Script](t, p, "scripts", "show", "other"); s.Kind != abi.KindPlugin || s.Wasm == nil || s.Wasm.Size != int64(len(second)) {
		t.Errorf("script = %+v", s)
	}
	if got := p.must(t, "scripts", "show", "echo", "--source"); got != second {
		t.Errorf("the module came back as %q", got)
	}
	table := p.must(t, "scripts", "list")
	if !regexp.MustCompile(`^NAME +KIND +VERSION +BYTES +UPDATED +ID\necho +plugin +2 +` + strconv.Itoa(len(second)) + ` .*\nhello +endpoint +1 +.*\nother +plugin +1 .*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	if got := p.must(t, "scripts", "show", "echo"); !regexp.MustCompile(`(?m)^SHA256 +[0-9a-f]{64}$`).MatchString(got) {
		t.Errorf("printed\n%s\nwant the hash", got)
	}
	if got := p.must(t, "scripts", "validate", "echo"); got != "echo is valid.\n" {
		t.Errorf("printed %q", got)
	}
	p.must(t, "routes", "add", "echo", "GET", "/echo")
	if status, _, body := request(t, "GET", server.url+"/echo", ""); status != 204 || body != "" {
		t.Errorf("GET /echo = %d %q, want 204", status, body)
	}

	p.write(t, "text.wasm", "let x = 1;")
	p.write(t, "wrong.wasm", strings.Replace(first, "handle", "handel", 1))
	p.write(t, "echo.rhai", "1")
	p.fails(t, exitUsage, "text.wasm is not a WebAssembly module", "deploy", "text.wasm")
	p.fails(t, exitUsage, "echo.rhai is not a WebAssembly module", "deploy", "echo.rhai", "--kind", "plugin")
	p.fails(t, exitUsage, "echo.wasm is a WebAssembly module: its kind is plugin, not endpoint", "deploy", "echo.wasm", "--kind", "endpoint")
	p.fails(t, exitUsage, "echo.wasm is a plugin: it is validated when it is deployed", "scripts", "validate", "echo", "echo.wasm")
	p.fails(t, exitFailed, "handle", "deploy", "wrong.wasm")
	p.fails(t, exitFailed, "a plugin has no source", "deploy", "echo.rhai")
	p.fails(t, exitFailed, "only a plugin has a module", "deploy", "echo.wasm", "--name", "hello")
}

func TestDeployFolderWithPlugin(t *testing.T) {
	p, server := loggedIn(t, "PICLOUD_MAX_PLUGIN_BYTES=20000000")
	module := wasmAnswering(strings.Repeat("x", 1_500_000)) // more than a source may have
	p.write(t, "shop/picloud.yaml", `
app: shop
scripts:
  - name: cart
    file: build/cart.wasm
    limits: {timeout_ms: 2000}
    read_only: true
    routes: [GET /cart]
  - name: till
    kind: plugin
`)
	p.write(t, "shop/build/cart.wasm", module)
	p.write(t, "shop/till.wasm", wasmAnswering("till"))
	results := func() string {
		t.Helper()
		var lines []string
		for _, c := range decode[[]change](t, p, "deploy", "shop") {
			lines = append(lines, c.What+" "+c.Name+" "+c.Result)
		}
		return strings.Join(lines, "\n")
	}
	if got, want := results(), "app shop created\nscript cart created\nscript till created\nroute GET /cart created"; got != want {
		t.Errorf("first deploy:\n%s\nwant\n%s", got, want)
	}
	if got, want := results(), "script cart unchanged\nscript till unchanged\nroute GET /cart unchanged"; got != want {
		t.Errorf("again:\n%s\nwant\n%s", got, want)
	}
	cart := decode[wire.Script](t, p, "scripts", "show", "cart", "-a", "shop")
	if cart.Kind != abi.KindPlugin || cart.Limits.TimeoutMS != 2000 || !cart.ReadOnly || cart.Wasm == nil || cart.Wasm.Size != int64(len(module)) {
		t.Errorf("script = %+v", cart)
	}
	if status, _, _ := request(t, "GET", server.url+"/cart", ""); status != 204 {
		t.Errorf("GET /cart = %d, want 204", status)
	}

	// Other limits alone, then all at once.
	manifest := filepath.Join(p.dir, "shop/picloud.yaml")
	change := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		p.write(t, "shop/picloud.yaml", strings.Replace(string(text), from, to, 1))
	}
	change("2000", "3000")
	if got, want := results(), "script cart updated\nscript till unchanged\nroute GET /cart unchanged"; got != want {
		t.Errorf("after other limits:\n%s\nwant\n%s", got, want)
	}
	change("read_only: true", "read_only: false")
	p.write(t, "shop/build/cart.wasm", wasmAnswering("small"))
	p.must(t, "deploy", "shop")
	after := decode[wire.Script](t, p, "scripts", "show", "cart", "-a", "shop")
	if after.Version != 3 || after.ReadOnly || after.Limits.TimeoutMS != 3000 || after.Wasm.SHA256 == cart.Wasm.SHA256 {
		t.Errorf("script = %+v", after)
	}
	p.write(t, "shop/build/cart.wasm", wasmAnswering(strings.Repeat("x", 17_000_000))) // more than scripts read of a file at once
	p.must(t, "deploy", "shop")
	p.write(t, "shop/build/cart.wasm", wasmAnswering(strings.Repeat("x", 20_000_000)))
	p.fails(t, exitFailed, "a module must not be larger than 20000000 bytes", "deploy", "shop")
}

// wasmSlow is a plugin of 200 KB that takes a minute to compile: branches to one place.
func wasmSlow() string {
	section := func(id byte, content string) string {
		return string(binary.AppendUvarint([]byte{id}, uint64(len(content)))) + content
	}
	body := "\x00\x02\x40" + strings.Repeat("\x41\x00\x0d\x00", 50_000) + "\x0b\x41\x00\x0b"
	return "\x00asm\x01\x00\x00\x00" + "\x01\x05\x01\x60\x00\x01\x7f" + "\x03\x02\x01\x00" + "\x07\x0a\x01\x06handle\x00\x00" +
		section(10, "\x01"+string(binary.AppendUvarint(nil, uint64(len(body))))+body)
}

// A plugin that takes for ever to compile is refused, and told why; others are deployed meanwhile,
// and the server stops without waiting for it.
func TestDeploySlowPlugin(t *testing.T) {
	p, server := loggedIn(t, "PICLOUD_COMPILE_TIME=2s")
	p.write(t, "slow.wasm", wasmSlow())
	p.write(t, "quick.wasm", wasmAnswering("beside a slow one"))
	p.must(t, "apps", "create", "another")
	slow := p.command(t, "deploy", "slow.wasm")
	var stderr bytes.Buffer
	slow.Stderr = &stderr
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	p.must(t, "deploy", "quick.wasm", "--app", "another")
	if status, _, body := request(t, "GET", server.url+"/hello", ""); status != 200 {
		t.Errorf("GET /hello = %d %q", status, body)
	}
	if err := slow.Wait(); err == nil || !strings.Contains(stderr.String(), "compiling it takes more than 2s of processor time") {
		t.Errorf("deploy slow.wasm: %v, said\n%s", err, stderr.String())
	}
	if err := p.command(t, "deploy", "slow.wasm", "--name", "under-way-at-the-end").Start(); err != nil {
		t.Fatal(err)
	}
}
