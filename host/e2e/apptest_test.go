package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/reference"
)

// apptestWrite has TestTestCommand write what it compares.
const apptestWrite = "PICLOUD_APPTEST_WRITE"

// copyApptest copies an app of testdata to where commands run.
func copyApptest(t testing.TB, p *place, name string) {
	t.Helper()
	from := filepath.Join("testdata", "apptest", name)
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(from, file.Name()))
		require.NoError(t, err)
		p.write(t, filepath.Join(name, file.Name()), string(text))
	}
}

var took = regexp.MustCompile(`\d+\.\d+ (m?s)\b|(time="|"ms":)[\d.]+`)

// untimed leaves out how long things took.
func untimed(text string) string { return took.ReplaceAllString(text, "${2}… ${1}") }

// golden compares a text with a file of testdata/apptest.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "apptest", name)
	got = untimed(got)
	if os.Getenv(apptestWrite) != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "%s: %s=1 writes it", name, apptestWrite)
}

func TestTestCommand(t *testing.T) {
	p, tmp := devPlace(t)
	for _, app := range []string{"shop", "broken"} {
		copyApptest(t, p, app)
		status := map[string]int{"shop": exitOK, "broken": exitFailed}[app]
		r := p.run(t, "", "test", app, "--timeout", "1m", "--coverage=lines.info", "--junit", "junit.xml")
		require.Equal(t, status, r.status, "%s", r)
		golden(t, app+".txt", r.stdout)
		for name, file := range map[string]string{app + ".info": "lines.info", app + ".xml": "junit.xml"} {
			written, err := os.ReadFile(filepath.Join(p.dir, file))
			require.NoError(t, err)
			golden(t, name, string(written))
		}
		r = p.run(t, "", "test", app, "--timeout", "1m", "-o", "json", "--coverage")
		require.Equal(t, status, r.status, "%s", r)
		golden(t, app+".jsonl", r.stdout)
	}
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What is asked for wrongly is told of before anything runs.
func TestTestCommandRefuses(t *testing.T) {
	p, _ := devPlace(t)
	copyApptest(t, p, "shop")
	p.write(t, "none/picloud.yaml", "app: none\n")
	p.write(t, "empty/picloud.yaml", "app: empty\n")
	p.write(t, "empty/a_test.rhai", "fn helper() { }\nfn test_of(x) { }\n")
	p.fails(t, exitUsage, "nowhere cannot be tested: ", "test", "nowhere")
	p.fails(t, exitUsage, "there are no tests in none: they are in files whose names end in _test.rhai", "test", "none")
	p.fails(t, exitUsage, "there are no tests in empty/a_test.rhai: a test is a function fn test_…()", "test", "empty")
	p.fails(t, exitUsage, "there are no tests in shop that match nothing_at_all", "test", "shop", "--filter", "nothing_at_all")
	p.fails(t, exitUsage, "--filter: ", "test", "shop", "--filter", "(")
	p.fails(t, exitUsage, "--timeout must be between 1ms and 5m, got 1h0m0s", "test", "shop", "--timeout", "1h")
	p.write(t, "shop/cart.rhai", "let")
	p.fails(t, exitFailed, "shop/cart.rhai:1:4: ", "test", "shop")
}

func TestTestCommandSelects(t *testing.T) {
	p, _ := devPlace(t)
	copyApptest(t, p, "shop")
	copyApptest(t, p, "broken")
	tests := func(args ...string) (names []string) {
		r := p.run(t, "", append([]string{"test", "-o", "json"}, args...)...)
		for line := range strings.Lines(r.stdout) {
			var e struct{ Event, File, Test, Result string }
			require.NoError(t, json.Unmarshal([]byte(line), &e), "%s", r)
			if e.Event == "test" {
				names = append(names, fmt.Sprintf("%s %s %s", filepath.Base(e.File), e.Test, e.Result))
			}
		}
		return names
	}
	assert.Equal(t, []string{"cart_test.rhai test_a_route ok"}, tests("shop", "--filter", "a_route$"))
	assert.Len(t, tests("shop/events_test.rhai"), 9)
	assert.Equal(t, []string{"a_test.rhai test_maps failed"}, tests("broken", "--fail-fast"))
	assert.Equal(t, []string{"d_test.rhai test_passes_too ok"}, tests("broken/d_test.rhai"))
	p.write(t, "shop/.env", "PAYMENT_KEY=sk_live\n")
	p.write(t, "shop/secret_test.rhai", `fn test_secret() { assert_eq(secrets::get("payment-key"), "sk_live"); }`)
	assert.Equal(t, []string{"secret_test.rhai test_secret ok"}, tests("shop/secret_test.rhai"))
}

// What never ends is ended, by the limit of operations or of time; other tests run.
func TestTestCommandEndsLoops(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "loops/picloud.yaml", "app: loops\n")
	p.write(t, "loops/a_test.rhai", "fn test_loops() { loop { } }\nfn test_sleeps() { sleep(60); }\nfn test_passes() { }\n")
	r := p.run(t, "", "test", "loops", "--timeout", "1s")
	assert.Equal(t, exitFailed, r.status, "%s", r)
	assert.Contains(t, r.stdout, "1 passed, 2 failed")
	assert.Contains(t, r.stdout, "loops/a_test.rhai:2:20: timeout_ms of 1000 exceeded")
	assert.Regexp(t, "timeout_ms of 1000 exceeded|Too many operations", r.stdout)
}

// What is wrong in a test is told with the functions that tests have.
func TestTestsAdvise(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "wrong/picloud.yaml", "app: wrong\n")
	p.write(t, "wrong/a_test.rhai", "fn test_name() { assert_eqal(1, 1); }\nfn test_clock() { clock::sett(\"2030-01-31T12:00:00Z\"); }\n")
	r := p.run(t, "", "test", "wrong", "--timeout", "1m")
	assert.Equal(t, exitFailed, r.status, "%s", r)
	assert.Contains(t, r.stdout, "did you mean assert_eq(got: any, want: any)")
	assert.Contains(t, r.stdout, "did you mean clock::set(time: string)")
}

// A file of tests is no script: neither alone nor by a manifest.
func TestTestsAreNotDeployed(t *testing.T) {
	p, _ := loggedIn(t)
	copyApptest(t, p, "shop")
	p.fails(t, exitUsage, "shop/cart_test.rhai is a file of tests, which picloud test runs: it is not deployed", "deploy", "shop/cart_test.rhai")
	p.must(t, "deploy", "shop")
	assert.NotContains(t, p.must(t, "scripts", "list", "--app", "shop"), "_test")
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts: [{name: cart_test}]\n")
	p.fails(t, exitUsage, "is a file of tests", "deploy", "shop")

	p.write(t, "left.rhai", "1")
	p.must(t, "deploy", "left.rhai", "--name", "left_test")
	p.must(t, "pull", "default", "pulled")
	p.must(t, "deploy", "pulled")
}

// What only tests have is not there in other scripts.
func TestTestsHaveFunctionsOfTheirOwn(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "slip.rhai", "assert_eq(1, 1)")
	p.must(t, "deploy", "slip.rhai")
	r := p.run(t, "", "invoke", "slip")
	assert.Contains(t, r.stderr, "Function not found: assert_eq (i64, i64)")
	assert.Contains(t, p.must(t, "help", "assert_eq"), "assert_eq(got: any, want: any)")
	assert.Contains(t, p.must(t, "help", "testing"), "fake_http")
}

// The examples with tests pass, and those of the reference do what they say.
func TestExamplesOfTests(t *testing.T) {
	p, _ := devPlace(t)
	for _, example := range []string{"orders", "weather"} {
		assert.Contains(t, p.must(t, "test", "examples/"+example), " passed in ")
	}
	p.write(t, "testing/picloud.yaml", `app: testing
scripts:
  - {name: cart, routes: [POST /cart, GET /cart]}
  - {name: tell}
triggers:
  - {name: placed, kind: docs, script: tell, collection: orders, operations: [create]}
`)
	p.write(t, "testing/cart.rhai", `
if ctx.request.method == "POST" { return #{statusCode: 201, body: #{id: docs::collection("orders").create(ctx.request.body)}}; }
#{rate: http::get("https://rates.example/eur").body.rate}`)
	p.write(t, "testing/tell.rhai", `"told of " + ctx.event.docs.data.item`)
	var source strings.Builder
	var examples []string
	for _, page := range []string{"testing", "clock"} {
		text, ok := reference.Markdown(page)
		require.True(t, ok)
		for _, example := range examplesOn(text) {
			fmt.Fprintf(&source, "fn test_%d() {\n%s\n}\n", len(examples), example)
			examples = append(examples, example)
		}
	}
	require.Len(t, examples, 10)
	p.write(t, "testing/examples_test.rhai", source.String())
	r := p.run(t, "", "test", "testing", "-o", "json")
	n := 0
	for line := range strings.Lines(r.stdout) {
		var e struct {
			Event, Result string
			Error         struct{ Message string }
			Log           []struct{ Script, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		if e.Event != "test" {
			continue
		}
		var printed []string
		for _, l := range e.Log {
			if l.Script == "" {
				printed = append(printed, l.Message)
			}
		}
		assert.Equal(t, "ok", e.Result, "%s\n%s", examples[n], e.Error.Message)
		assert.Regexp(t, asPattern(strings.Join(expected(examples[n], "prints"), "\n")), strings.Join(printed, "\n"), examples[n])
		n++
	}
	assert.Equal(t, len(examples), n, "%s", r)
}

// BenchmarkTest runs 100 tests, each of which asks a route that keeps something: the whole command.
func BenchmarkTest(b *testing.B) {
	p, _ := devPlace(b)
	copyApptest(b, p, "shop")
	for _, name := range []string{"cart_test.rhai", "events_test.rhai"} {
		require.NoError(b, os.Remove(filepath.Join(p.dir, "shop", name)))
	}
	for file := range 10 {
		var source strings.Builder
		for n := range 10 {
			fmt.Fprintf(&source, `fn test_%d() {
    let made = call("POST /cart", #{body: #{price: 100}});
    assert_eq(made.statusCode, 201);
    assert_eq(docs::collection("orders").count(#{}), 1);
}
`, n)
		}
		p.write(b, fmt.Sprintf("shop/file%d_test.rhai", file), source.String())
	}
	for b.Loop() {
		out, err := p.command(b, "test", "shop").CombinedOutput()
		require.NoError(b, err, "%s", out)
		require.Contains(b, string(out), "100 passed")
	}
}

// With --watch the tests run again after each change, of a script or a test, also after one that does not
// compile; nothing of a round is left for the next.
func TestTestCommandWatches(t *testing.T) {
	p, tmp := devPlace(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts: [{name: cart, routes: [GET /cart]}]\n")
	p.write(t, "shop/cart.rhai", `kv::collection("c").incr("asked", 1)`)
	p.write(t, "shop/cart_test.rhai", `fn test_it() { assert_eq(call("GET /cart").body, 1); }`)
	command := p.command(t, "test", "shop", "--watch", "-o", "json", "--junit", "shop/junit.xml")
	said := &transcript{}
	command.Stderr = said
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	type round struct{ Passed, Failed *int }
	rounds := make(chan round, 100)
	go func() {
		defer close(rounds)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var r round
			if json.Unmarshal(lines.Bytes(), &r) == nil && r.Passed != nil {
				rounds <- r
			}
		}
	}()
	next := func(passed, failed int) {
		t.Helper()
		for {
			select {
			case r, open := <-rounds:
				require.True(t, open, "%s", said)
				if *r.Passed == passed && *r.Failed == failed {
					return
				}
			case <-time.After(patience):
				t.Fatalf("no round with %d passed and %d failed\n%s", passed, failed, said)
			}
		}
	}
	next(1, 0)
	p.write(t, "shop/cart.rhai", `kv::collection("c").incr("asked", 2)`)
	next(0, 1)
	p.write(t, "shop/cart.rhai", `let`)
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "shop/cart.rhai") }, patience, 10*time.Millisecond)
	p.write(t, "shop/cart.rhai", `kv::collection("c").incr("asked", 1)`)
	p.write(t, "shop/more_test.rhai", `fn test_more() { }`)
	next(2, 0)
	require.NoError(t, command.Process.Signal(os.Interrupt))
	require.NoError(t, command.Wait())
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What a test that was ended has left running writes nothing into the next one.
func TestTestCommandWaitsForWhatIsLate(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "late/picloud.yaml", "app: late\nscripts: [{name: late, routes: [GET /late]}]\n")
	p.write(t, "late/late.rhai", `for i in 0..20 { sleep(0.1); kv::collection("c").incr("late", 1); }`)
	p.write(t, "late/a_test.rhai", `
fn test_a_is_ended() { call("GET /late"); }
fn test_b_is_ended() { call("late"); }
fn test_c_sees_nothing() {
    for i in 0..5 { assert_eq(kv::collection("c").get("late"), ()); sleep(0.1); }
}`)
	r := p.run(t, "", "test", "late", "--timeout", "1s")
	assert.Equal(t, exitFailed, r.status, "%s", r)
	assert.Contains(t, r.stdout, "1 passed, 2 failed")
}

// Each test begins with the same: files whose bytes others have deleted or replaced, no counted requests, the time of the machine; and whatever
// settings of a server whoever runs it has.
func TestTestsBeginAlike(t *testing.T) {
	p, _ := devPlace(t)
	p.env = append(p.env, "PICLOUD_MAX_CONCURRENT_EXECUTIONS=1", "PICLOUD_REQUEST_RATE=1", "PICLOUD_MAX_BODY_BYTES=1024", "PICLOUD_ROLE=api", "PICLOUD_DATABASE_URL=postgres://nowhere.invalid/db")
	p.write(t, "alike/picloud.yaml", `app: alike
scripts:
  - {name: greet, routes: [{route: GET /greet, rate_limit: {requests: 1, per_seconds: 3600, by: route}}]}
  - {name: deep}
  - {name: big, routes: [POST /big]}
  - {name: late}
triggers:
  - {name: placed, kind: docs, script: deep, collection: orders}
  - {name: late, kind: docs, script: deep, collection: none}
seed: {files: {pictures: pictures}}
`)
	p.write(t, "alike/greet.rhai", "`hello`")
	p.write(t, "alike/big.rhai", "ctx.request.body.len()")
	p.write(t, "alike/late.rhai", "1")
	p.write(t, "alike/deep.rhai", `docs::collection("orders").create(#{}); ctx.event.depth`)
	p.write(t, "alike/pictures/a.txt", "seed")
	p.write(t, "alike/a_test.rhai", `
fn picture() {
    let pictures = files::collection("pictures");
    let id = pictures.list()[0].id;
    assert_eq(pictures.get(id).as_string(), "seed");
    id
}
fn limited() {
    assert_eq(call("GET /greet").statusCode, 200);
    assert_eq(call("GET /greet").statusCode, 429);
}
fn test_a_replaces() { limited(); files::collection("pictures").update(picture(), #{data: "other"}); }
fn test_b_deletes() { limited(); files::collection("pictures").delete(picture()); }
fn test_c_finds_it() {
    limited();
    clock::advance(3_600_000);
    limited();
    clock::set("1999-01-01T00:00:00Z");
    limited();
    picture();
}
fn test_d_sends_much() { let text = ""; text.pad(5000, "x"); assert_eq(call("POST /big", #{body: text}).body, 5000); }
fn test_e_is_deep() {
    assert_eq(fire("placed", #{}).value, 1);
    assert_eq(deliver().len(), 7); // of depths 2 to 8
    assert_eq(fire("placed", #{depth: 8}).value, 8);
    assert_eq(deliver(), []);
    assert_throws(|| fire("placed", #{depth: -1}), "depth");
}
fn test_f_is_ambiguous() { assert_throws(|| fire("late", #{}), "is a trigger and, too, a script"); }
`)
	r := p.run(t, "", "test", "alike")
	assert.Contains(t, r.stdout, "6 passed in ", "%s", r)
}

// A server in the process of a command takes seeds that are larger than what a server takes in a request by itself.
func TestTestsWithLargeSeeds(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "large/picloud.yaml", "app: large\nscripts: [{name: nothing}]\nseed: {docs: {texts: texts.jsonl}}\n")
	p.write(t, "large/nothing.rhai", "1")
	p.write(t, "large/texts.jsonl", strings.Repeat(`{"data":{"text":"`+strings.Repeat("x", 1_000_000)+`"}}`+"\n", 12))
	p.write(t, "large/a_test.rhai", `fn test_all() { assert_eq(docs::collection("texts").count(), 12); }`)
	r := p.run(t, "", "test", "large")
	assert.Contains(t, r.stdout, "1 passed in ", "%s", r)
}

// A file in which no test runs to its end does not pass.
func TestTestsThatDoNotRunFail(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "short/picloud.yaml", "app: short\nscripts: [{name: m, kind: module}]\n")
	p.write(t, "short/m.rhai", "fn check() { assert(true) }")
	for name, source := range map[string]string{
		"comment": "fn test_it() { throw 1; }\n/* of", "return": "return 1;\nfn test_it() { throw 1; }", "exit": "fn test_it() { exit(1); throw 1; }",
	} {
		p.write(t, "short/"+name+"_test.rhai", source)
		r := p.run(t, "", "test", "short/"+name+"_test.rhai")
		assert.Equal(t, exitFailed, r.status, "%s", r)
		assert.Contains(t, r.stdout, "the test did not come to its end", "%s", r)
	}
	p.write(t, "short/module_test.rhai", "import \"m\" as m;\nfn test_it() { m::check() }\nfn test_other() { }")
	r := p.run(t, "", "test", "short/module_test.rhai", "--junit", "short/junit.xml")
	assert.Equal(t, exitFailed, r.status, "%s", r)
	assert.Contains(t, r.stdout, "Function not found: assert (bool)", "a module has what it has elsewhere")
	written, err := os.ReadFile(filepath.Join(p.dir, "short", "junit.xml"))
	require.NoError(t, err)
	assert.Contains(t, string(written), "test_other")

	p.write(t, "short/picloud.yaml", "app: short\nsecrets: [api-key]\n")
	p.write(t, "short/.env", "API_KEY=\n")
	p.fails(t, exitUsage, "short/.env has no value for the secret api-key", "test", "short/module_test.rhai")
}
