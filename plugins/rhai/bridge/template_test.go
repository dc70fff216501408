package bridge_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// rendered runs template::FUNCTION on a template and JSON of data and partials.
func rendered(t *testing.T, function, text, data, partials string) (string, string) {
	t.Helper()
	script := fmt.Sprintf("template::%s(%s, json::parse(%s), json::parse(%s))", function, literal(text), literal(data), literal(partials))
	got, failure := run(t, &wire{}, `let r = (); try { r = `+script+`; } catch (e) { r = [e.message]; } r`, abi.Limits{})
	require.Nil(t, failure)
	var out any
	require.NoError(t, json.Unmarshal([]byte(got), &out), got)
	if list, failed := out.([]any); failed {
		return "", list[0].(string)
	}
	return out.(string), ""
}

// literal writes a text as a literal of Rhai.
func literal(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < 0x20:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String() + `"`
}

// The test suite of the specification of Mustache, at 9cb20c3, without its optional modules.
func TestMustacheSpecification(t *testing.T) {
	count := 0
	for _, module := range []string{"comments", "delimiters", "interpolation", "inverted", "partials", "sections"} {
		text, err := os.ReadFile("testdata/mustache/" + module + ".json")
		require.NoError(t, err)
		var suite struct {
			Tests []struct {
				Name, Desc, Template, Expected string
				Data                           json.RawMessage
				Partials                       map[string]string
			}
		}
		require.NoError(t, json.Unmarshal(text, &suite))
		for _, c := range suite.Tests {
			count++
			t.Run(module+"/"+c.Name, func(t *testing.T) {
				partials, err := json.Marshal(c.Partials)
				require.NoError(t, err)
				if c.Partials == nil {
					partials = []byte("{}")
				}
				function := "render"
				if c.Name == "Recursion" { // whose values stand behind a <, where a tag would begin
					function = "render_text"
				}
				got, failure := rendered(t, function, c.Template, string(c.Data), string(partials))
				assert.Empty(t, failure)
				assert.Equal(t, c.Expected, got, "%s\n%q", c.Desc, c.Template)
			})
		}
	}
	assert.Greater(t, count, 130)
}

// A value is escaped for where it stands, and refused where that would not help.
func TestEscapingByContext(t *testing.T) {
	const hostile = `"><script>alert('x')</script> a=b onclick=c`
	data, err := json.Marshal(map[string]any{"x": hostile, "js": "javascript:alert(1)", "url": "/a?b=c&d", "web": "https://a.example/é", "j": "java", "s": "script:alert(1)", "e": "", "far": strings.Repeat(" ", 70) + "java\n\tscript:alert(1)", "list": []string{"<a>", "<b>"}})
	require.NoError(t, err)
	const text = `&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; a=b onclick=c`
	for template, want := range map[string]string{
		`{{x}}`:                                             text,
		`<p>{{x}}</p>`:                                      `<p>` + text + `</p>`,
		`<p title="{{x}}">`:                                 `<p title="` + text + `">`,
		`<p title='{{x}}'>`:                                 `<p title='` + text + `'>`,
		`<p title = {{x}} id=a>`:                            `<p title = ` + strings.NewReplacer(" ", "&#32;", "=", "&#61;").Replace(text) + ` id=a>`,
		`<P TITLE="{{x}}" hidden>{{x}}`:                     `<P TITLE="` + text + `" hidden>` + text,
		`<a href="{{js}}">`:                                 `<a href="about:invalid">`,
		`<a href={{js}}>`:                                   `<a href=about:invalid>`,
		`<a HREF='{{url}}'>`:                                `<a HREF='/a?b=c&amp;d'>`,
		`<a href="{{web}}">`:                                `<a href="https://a.example/é">`,
		`<a href="/go?to={{js}}">`:                          `<a href="/go?to=javascript:alert(1)">`,
		`<a href="{{j}}{{s}}">`:                             `<a href="javaabout:invalid">`,
		`<a title="{{js}}">`:                                `<a title="javascript:alert(1)">`,
		`<textarea>{{x}}</textarea>`:                        `<textarea>` + text + `</textarea>`,
		`<script>let a = "<b>";</script>{{x}}`:              `<script>let a = "<b>";</script>` + text,
		`<!-- a --><p>{{x}}`:                                `<!-- a --><p>` + text,
		`<ul>{{#list}}<li>{{.}}{{/list}}`:                   `<ul><li>&lt;a&gt;<li>&lt;b&gt;`,
		`<a href="{{far}}">`:                                `<a href="about:invalid">`,
		`<a href="{{j}}script:{{x}}">`:                      `<a href="javascript:about:invalid">`,
		`<a href="javascript&#58;{{x}}">`:                   `<a href="javascript&#58;about:invalid">`,
		`<a href="mailto:{{s}}">`:                           `<a href="mailto:script:alert(1)">`,
		`<p x=1 / y={{s}}>`:                                 `<p x=1 / y=script:alert(1)>`,
		`<input value={{e}} checked>`:                       `<input value="" checked>`,
		`<input value={{e}}>{{s}}`:                          `<input value="">script:alert(1)`,
		`<input value={{e}}{{s}}>`:                          `<input value=script:alert(1)>`,
		`<!--><p>{{x}}`:                                     `<!--><p>` + text,
		`<!---><p>{{x}}`:                                    `<!---><p>` + text,
		`<!-- a > b --!><p>{{x}}`:                           `<!-- a > b --!><p>` + text,
		`<!DOCTYPE html><title>{{x}}</title>`:               `<!DOCTYPE html><title>` + text + `</title>`,
		`<script><!-- a --></script>{{x}}`:                  `<script><!-- a --></script>` + text,
		`<script><!-- <script> </script> --></script>{{x}}`: `<script><!-- <script> </script> --></script>` + text,
		`{{{x}}}`:     hostile,
		`1 < 2 {{x}}`: `1 < 2 ` + text,
	} {
		got, failure := rendered(t, "render", template, string(data), "{}")
		assert.Empty(t, failure, template)
		assert.Equal(t, want, got, template)
	}
	for template, where := range map[string]string{
		`<script>let a = "{{x}}"</script>`: "<script>",
		`<SCRIPT src="a">{{x}}`:            "<script>",
		`<style>a { b: {{x}} }</style>`:    "<style>",
		`<!-- {{x}} -->`:                   "a comment",
		`<p onclick="{{x}}">`:              "the attribute onclick",
		`<p style="color: {{x}}">`:         "the attribute style",
		`<iframe srcdoc="{{x}}">`:          "the attribute srcdoc",
		`<p {{x}}>`:                        "the name of an attribute",
		`<p data-{{x}}="a">`:               "the name of an attribute",
		`<{{x}}>`:                          "the name of a tag",
		`</{{x}}>`:                         "the name of a tag",
		`<p title="a"{{x}}>`:               "the name of an attribute",
		`{{#list}}<script>{{.}}{{/list}}`:  "<script>",

		// Where a browser is still in a script, or already in one.
		`<script>a = "</scripty>"; {{x}}`:           "<script>",
		`<script><!-- <script> </script> {{x}}`:     "<script>",
		`<!-- > <a title=" --><script>{{x}}`:        "<script>",
		`<!--!> <a title=" --><script>{{x}}`:        "<script>",
		`<title><a title="</title><script>{{x}}`:    "<script>",
		`<textarea><a b="</TEXTAREA ><script>{{x}}`: "<script>",
		`</ <a title="><script>{{x}}`:               "<script>",
		`<?x <a title="><script>{{x}}`:              "<script>",
		`<plaintext></plaintext>{{x}}`:              "<plaintext>",
		`<!-- > {{x}} -->`:                          "a comment",
		`<p hidden /onclick="{{x}}">`:               "the attribute onclick",
		`<title></tit{{x}}`:                         "the name of a tag",
		`{{{x}}}<b {{x}}>`:                          "the name of an attribute",
	} {
		_, failure := rendered(t, "render", template, string(data), "{}")
		assert.Contains(t, failure, "template::render: {{", template)
		assert.Contains(t, failure, "cannot stand in "+where+"; ", template)
	}
	got, failure := rendered(t, "render_text", "Dear {{x}}, {{js}}\n", string(data), "{}")
	assert.Empty(t, failure)
	assert.Equal(t, "Dear "+hostile+", javascript:alert(1)\n", got)
}

// The work for a template is in proportion to its length, also where there is one line of it.
func TestTemplatesAreReadOnce(t *testing.T) {
	for name, template := range map[string]string{
		"tags on a line":        strings.Repeat("{{^a}}{{/a}}", 80_000),
		"behind white space":    strings.Repeat(" ", 500_000) + strings.Repeat("{{!a}}", 80_000),
		"and before":            strings.Repeat("{{!a}}", 80_000) + strings.Repeat(" ", 500_000),
		"in a script":           "<script>" + strings.Repeat("a <!-- <script> </script", 40_000),
		"one attribute's value": `<a href="` + strings.Repeat(" ", 900_000) + `">`,
	} {
		began := time.Now()
		_, failure := rendered(t, "render", template, "{}", "{}")
		assert.Empty(t, failure, name)
		assert.Less(t, time.Since(began), 20*time.Second, name)
	}
}

// An indented partial is refused before it is made when it would be too long.
func TestPartialsAreBounded(t *testing.T) {
	script := `let s = ""; s.pad(500000, " "); let lines = ""; lines.pad(500000, "\n");
		template::render(s + "{{>p}}\n", #{}, #{p: lines})`
	_, failure := run(t, &wire{}, script, abi.Limits{})
	require.NotNil(t, failure)
	assert.Contains(t, failure.Message, "Length of string too large")
}

func TestTemplatesRefused(t *testing.T) {
	for template, want := range map[string]string{
		"{{#a}}":                      `the section "a" (line 1) does not end`,
		"x\n{{#a}}{{/b}}":             `{{/b}} (line 2) ends no section of that name`,
		"{{/a}}":                      `{{/a}} (line 1) ends no section of that name`,
		"\n\n{{a":                     `a tag (line 3) does not end with }}`,
		"{{{a}}":                      `a tag (line 1) does not end with }}}`,
		"{{}}":                        `the tag "" (line 1) has no proper name`,
		"{{a b}}":                     `the tag "a b" (line 1) has no proper name`,
		"{{=x=}}":                     `a change of delimiters (line 1) must name two`,
		"{{>loop}}":                   "partials and sections are nested deeper than 64",
		"{{>number}}":                 `the partial "number" must be a string, got i64`,
		strings.Repeat("{{#a}}", 100): "sections are nested deeper than 64",
	} {
		_, failure := rendered(t, "render", template, "{}", `{"loop": "{{>loop}}", "number": 5}`)
		assert.Contains(t, failure, want, template)
	}
}
