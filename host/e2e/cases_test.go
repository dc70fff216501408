package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/api/wire"
)

// The cases of a script are set from a file, listed, and run; a message is published.
func TestCaseCommands(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "greet.rhai", "let name = ctx.request?.query?.name;\nif name == () { throw \"who?\"; }\n#{ hello: name }\n")
	p.must(t, "deploy", "greet.rhai")
	assert.Equal(t, "[]\n", p.must(t, "scripts", "cases", "greet", "--output", "json"))
	p.write(t, "cases.json", `[
		{"name": "Ada", "request": {"query": {"name": "Ada"}}, "status": 200, "body": {"hello": "Ada"}},
		{"name": "nobody", "status": 502}
	]`)
	assert.Equal(t, "Script greet has 2 cases.\n", p.must(t, "scripts", "cases", "greet", "--set", "cases.json"))
	assert.Regexp(t, `^NAME +WITH +STATUS +BODY *\nAda +GET / +200 +\{"hello":"Ada"\} *\nnobody +GET / +502 *\n$`, p.must(t, "scripts", "cases", "greet"))
	assert.Regexp(t, `^RESULT +NAME +STATUS +TOOK +REASON *\nok +Ada +200 .*\nok +nobody +502 .*\n$`, p.must(t, "scripts", "cases", "greet", "--run"))

	p.write(t, "greet.rhai", "#{ hello: \"everybody\" }\n")
	p.must(t, "deploy", "greet.rhai")
	ran := p.run(t, "", "scripts", "cases", "greet", "--run")
	assert.Equal(t, exitFailed, ran.status)
	assert.Contains(t, ran.stderr, "cases have failed")
	assert.Regexp(t, `(?m)^failed +Ada +200 .* the body should be another: \{"hello":"Ada"\} *$`, ran.stdout)
	assert.Regexp(t, `(?m)^failed +nobody +200 .* the status should be 502 *$`, ran.stdout)

	p.fails(t, exitUsage, "--set: must be a JSON array of cases", "scripts", "cases", "greet", "--set", "greet.rhai")
	p.write(t, "twice.json", `[{"name":"a"},{"name":"a"}]`)
	p.fails(t, exitFailed, `got "a" twice`, "scripts", "cases", "greet", "--set", "twice.json")
	assert.Len(t, decode[[]wire.ScriptCase](t, p, "scripts", "cases", "greet"), 2, "what is refused changes nothing")

	assert.Equal(t, "Published to news.today, for 0 triggers.\n", p.must(t, "topics", "publish", "news.today", `{"text": "fair weather"}`))
	p.fails(t, exitUsage, "MESSAGE", "topics", "publish", "news.today", "no JSON")
}
