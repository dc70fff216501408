package reference

import "github.com/picloud/picloud/abi"

func invalid(when string) []Failure { return []Failure{{abi.OpCodeInvalid, when}} }

var html = Module{Name: "html", Title: "HTML", About: "For whole pages, [template](template.md) escapes each value for where it stands.",
	Rows: []Row{
		{Name: "escape", Takes: "text: string", Returns: "string", Says: "The text for an element or a quoted attribute: `& < > \" '` are written as references.", Example: `
print(html::escape("<b>Tom & Jerry</b>"));   // prints &lt;b&gt;Tom &amp; Jerry&lt;/b&gt;
`},
	}}

var template = Module{Name: "template", Title: "Pages and texts from templates", About: `
A template is text in [Mustache](https://mustache.github.io/mustache.5.html): ` + "`{{name}}`" + ` stands for a value of the data, ` + "`{{#list}}…{{/list}}`" + ` for each item or if it is
true, ` + "`{{^list}}…{{/list}}`" + ` if there is none, ` + "`{{>name}}`" + ` for a partial, ` + "`{{{name}}}`" + ` for a value that is not escaped, ` + "`{{! a comment }}`" + ` for nothing.`,
	Rows: []Row{
		{Name: "render", Takes: "text: string, data: any [, partials: map]", Returns: "string",
			Says: "A page: each value is escaped for where it stands in the HTML, in text, attributes, URLs and scripts.", Fails: invalid("a tag or section does not end, a value stands where it cannot be made safe, or sections nest deeper than 64"), Example: `
let page = "<ul>{{#names}}<li>{{.}}</li>{{/names}}</ul>";
print(template::render(page, #{names: ["Ada", "<b>"]}));   // prints <ul><li>Ada</li><li>&lt;b&gt;</li></ul>
`},
		{Name: "render_text", Takes: "text: string, data: any [, partials: map]", Returns: "string",
			Says: "Any other text: values are written as they are.", Fails: invalid("a tag or section does not end, or sections nest deeper than 64"), Example: `
let letter = "Dear {{name}},{{>end}}";
print(template::render_text(letter, #{name: "Tom & Jerry"}, #{end: " bye."}));   // prints Dear Tom & Jerry, bye.
`},
	}}

var json = Module{Name: "json", Title: "JSON", About: `
JSON as of RFC 8259. ` + "`null`" + ` is ` + "`()`" + `, and integers keep their 64 bits. A blob is ` + "`{\"$blob\": \"<base64>\"}`" + `, and comes back a blob.`,
	Rows: []Row{
		{Name: "parse", Takes: "text: string", Returns: "any", Says: "The value that a text of JSON stands for.", Fails: invalid("the text is no JSON, or nested deeper than 64"), Example: `
let order = json::parse("{\"item\": \"tea\", \"total\": 12.5}");
print(order.total);   // prints 12.5
try { json::parse("[1,]"); } catch (e) { print(e.message); }   // prints json::parse: invalid JSON at byte 3: unexpected ']'
`},
		{Name: "stringify", Takes: "value: any [, indent: int]", Returns: "string", Says: "The JSON of a value, on one line, or with so many spaces for each level, 16 at most.",
			Fails: invalid("the value has no JSON (`NaN`, a function), or the indent is not between 0 and 16"), Example: `
print(json::stringify(#{item: "tea", paid: ()}));   // prints {"item":"tea","paid":null}
print(json::stringify([1], 2).split("\n").len());   // prints 3
`},
	}}

var base64 = Module{Name: "base64", Title: "Base64", About: "Base64 as of RFC 4648, in the usual alphabet and in that for URLs.",
	Rows: []Row{
		{Name: "encode", Takes: "data: string | blob", Returns: "string", Says: "The text of bytes, or of a string's UTF-8, with `+` and `/`, padded.", Example: `
print(base64::encode("Hello?"));   // prints SGVsbG8/
`},
		{Name: "decode", Takes: "text: string", Returns: "blob", Says: "The bytes that a text stands for, padded or not.", Fails: invalid("a character is none of base64, or the text is incomplete"), Example: `
print(base64::decode("SGVsbG8/").as_string());   // prints Hello?
`},
		{Name: "encode_url", Takes: "data: string | blob", Returns: "string", Says: "As `encode`, with `-` and `_`, not padded.", Example: `
print(base64::encode_url("Hello?"));   // prints SGVsbG8_
`},
		{Name: "decode_url", Takes: "text: string", Returns: "blob", Says: "As `decode`, with `-` and `_`.", Fails: invalid("a character is none of base64, or the text is incomplete"), Example: `
print(base64::decode_url("SGVsbG8_").as_string());   // prints Hello?
`},
	}}

var hex = Module{Name: "hex", Title: "Hexadecimal", About: "Two digits for each byte.",
	Rows: []Row{
		{Name: "encode", Takes: "data: string | blob", Returns: "string", Says: "The digits of bytes, or of a string's UTF-8, in lower case.", Example: `
print(hex::encode("az"));   // prints 617a
`},
		{Name: "decode", Takes: "text: string", Returns: "blob", Says: "The bytes that digits stand for, in lower or upper case.", Fails: invalid("a character is no digit, or their number is odd"), Example: `
print(hex::decode("617A").as_string());   // prints az
`},
	}}

var url = Module{Name: "url", Title: "URLs", About: `
URLs as of RFC 3986. Their parts are a map, ` + "`#{scheme, username, password, host, port, path, query, query_all, fragment}`" + `: ` + "`query`" + ` has a text for each name,
` + "`query_all`" + ` an array of texts, ` + "`port`" + ` is an integer or ` + "`()`" + `, the others are texts, ` + "`\"\"`" + ` for what is missing.`,
	Rows: []Row{
		{Name: "encode", Takes: "text: string", Returns: "string", Says: "Percent-encodes all but letters, digits and `-._~`, as a part of a URL needs it.", Example: `
print(url::encode("tea & cake"));   // prints tea%20%26%20cake
`},
		{Name: "decode", Takes: "text: string", Returns: "string", Says: "What a percent-encoded text stands for.", Fails: invalid("a `%` is not followed by two digits, or what is encoded is not UTF-8"), Example: `
print(url::decode("tea%20%26%20cake"));   // prints tea & cake
`},
		{Name: "parse", Takes: "text: string", Returns: "map", Says: "The parts of a URL, decoded but for the path; host and scheme in lower case.", Fails: invalid("the text is no URL"), Example: `
let parts = url::parse("https://example.com:8443/tea?size=2#top");
print(parts.host);         // prints example.com
print(parts.port);         // prints 8443
print(parts.query.size);   // prints 2
`},
		{Name: "build", Takes: "parts: map", Returns: "string", Says: "The URL of such parts, any of which may be missing. An array in `query` repeats its name.", Fails: invalid("there is a part of another name, or one is not as it must be"), Example: `
print(url::build(#{scheme: "https", host: "example.com", path: "/tea", query: #{q: "a b"}}));   // prints https://example.com/tea?q=a%20b
`},
	}}

const group = "A group that is no part of the match is `()`."

var regex = Module{Name: "regex", Title: "Regular expressions", About: `
Patterns have [the syntax of RE2](https://github.com/google/re2/wiki/Syntax), and match in time linear in the text. In a string a backslash is written twice: ` + "`\"\\\\d+\"`" + `.`,
	Rows: []Row{
		{Name: "is_match", Takes: "pattern: string, text: string", Returns: "bool", Says: "Whether the pattern matches somewhere in the text.", Fails: invalid("the pattern is wrong"), Example: `
print(regex::is_match("^[a-z]+$", "tea"));   // prints true
`},
		{Name: "find", Takes: "pattern: string, text: string", Returns: "string | ()", Says: "The first match; `()` when there is none.", Fails: invalid("the pattern is wrong"), Example: `
print(regex::find("\\d+", "room 42"));   // prints 42
`},
		{Name: "find_all", Takes: "pattern: string, text: string [, limit: int]", Returns: "array", Says: "All matches, or so many at most.", Fails: invalid("the pattern is wrong, or the limit negative"), Example: `
print(regex::find_all("\\d+", "1 and 22"));   // prints ["1", "22"]
`},
		{Name: "captures", Takes: "pattern: string, text: string", Returns: "array | ()", Says: "The first match and its groups; `()` when there is none.", More: group, Fails: invalid("the pattern is wrong"), Example: `
print(regex::captures("(\\w+)@(\\w+)", "to ada@home"));   // prints ["ada@home", "ada", "home"]
`},
		{Name: "named", Takes: "pattern: string, text: string", Returns: "map | ()", Says: "The groups of the first match that have names; `()` when there is none.", More: group, Fails: invalid("the pattern is wrong"), Example: `
print(regex::named("(?P<year>\\d{4})-(?P<month>\\d\\d)", "2026-11"));   // prints #{"month": "11", "year": "2026"}
`},
		{Name: "replace", Takes: "pattern: string, text: string, replacement: string [, limit: int]", Returns: "string",
			Says: "The text with each match replaced, or so many at most.", More: "In the replacement, `$1`, `${1}` and `${name}` stand for groups, and `$$` for a dollar sign.", Fails: invalid("the pattern is wrong, or the limit negative"), Example: `
print(regex::replace("(\\w+) (\\w+)", "Ada Lovelace", "$2, $1"));   // prints Lovelace, Ada
`},
		{Name: "split", Takes: "pattern: string, text: string [, limit: int]", Returns: "array", Says: "The texts between the matches, or so many parts at most.", Fails: invalid("the pattern is wrong, or the limit negative"), Example: `
print(regex::split(",\\s*", "tea, cake,jam"));   // prints ["tea", "cake", "jam"]
`},
	}}
