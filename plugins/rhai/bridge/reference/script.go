package reference

import "github.com/picloud/picloud/abi"

func property(name, kind, says string) Row {
	return Row{Name: name, On: "ctx", Returns: kind, Says: says}
}

func withExample(r Row, example string) Row {
	r.Example = example
	return r
}

var ctx = Module{Name: "ctx", Title: "What a script is told", About: `
The variable ` + "`ctx`" + ` is there in every script and in all of its functions. It reads as a fresh value everywhere: to change it changes nothing
elsewhere. ` + "`ctx.request`" + ` is there when a request began the execution, ` + "`ctx.event`" + ` when an event did, and ` + "`ctx.args`" + ` when another script did.

The examples were asked with ` + "`POST /greet/Ada?lang=en&lang=de`" + ` on a route ` + "`/greet/:name`" + `, with the headers ` + "`Accept: text/html`" + ` and ` + "`Cookie: sid=42`" + `
and the body ` + "`{\"letters\": 3}`" + ` of JSON; those of forms with a file ` + "`picture`" + `; those of events read one of each source. The script ` + "`double`" + ` is ` + "`ctx.args * 2`" + `.`,
	Rows: []Row{
		withExample(property("sdk_version", "string", "The version of what is on these pages: `\"1.0\"`."), `
print(ctx.sdk_version);   // prints 1.0
`),
		withExample(property("execution_id", "string", "The id of this execution, under which its log is kept."), `
print(ctx.execution_id.len());   // prints 36
`),
		withExample(property("request_id", "string", "The id of the request that led to it; clients get it as `X-Request-Id`."), `
print(ctx.request_id != "");   // prints true
`),
		withExample(property("script_id", "string", "The id of the script."), `
print(ctx.script_id.len());   // prints 36
`),
		withExample(property("script_name", "string", "The name of the script."), `
print(ctx.script_name);   // prints example
`),
		withExample(property("app_id", "string", "The id of the app."), `
print(ctx.app_id.len());   // prints 36
`),
		withExample(property("invocation_type", "string", "What led to the execution: `\"http\"` is a route, `\"execute\"` the execute endpoint or a test run, `\"trigger\"` an event, `\"invoke\"` another script."), `
print(ctx.invocation_type);   // prints execute
`),
		withExample(property("args", "any", "What [invoke](functions.md#invoke) or [invoke_async](functions.md#invoke_async) was given; absent otherwise."), `
print(invoke("double", 21));   // prints 42
`),
		withExample(property("request.method", "string", "The method, in upper case."), `
print(ctx.request.method);   // prints POST
`),
		withExample(property("request.path", "string", "The path, normalized and percent-encoded."), `
print(ctx.request.path);   // prints /greet/Ada
`),
		withExample(property("request.url", "string", "The whole URL, as the client wrote it."), `
print(ctx.request.url);   // prints http://localhost/greet/Ada?lang=en&lang=de
`),
		withExample(property("request.scheme", "string", "`\"http\"` or `\"https\"`."), `
print(ctx.request.scheme);   // prints http
`),
		withExample(property("request.host", "string", "The host that was asked, with the port if the client named one."), `
print(ctx.request.host);   // prints localhost
`),
		withExample(property("request.remote_addr", "string", "The client's IP address; behind a proxy that the server trusts, the one that the proxy tells."), `
print(ctx.request.remote_addr);   // prints 192.0.2.7
`),
		withExample(property("request.rest", "string", "Of a route that ends in `/*`, what the star stands for."), `
print(ctx.request.rest == "");   // prints true
`),
		withExample(property("request.params", "map", "The parts of the path that the route names, decoded."), `
print(ctx.request.params.name);   // prints Ada
`),
		withExample(property("request.raw_query", "string", "The query as it is in the URL, without the question mark."), `
print(ctx.request.raw_query);   // prints lang=en&lang=de
`),
		withExample(property("request.query", "map", "The query, decoded: name to text. Of a repeated name the last counts."), `
print(ctx.request.query.lang);   // prints de
`),
		withExample(property("request.query_all", "map", "The query, decoded: name to an array of texts."), `
print(ctx.request.query_all.lang);   // prints ["en", "de"]
`),
		withExample(property("request.headers", "map", "The headers: name in lower case to text. Values of a repeated one are joined by `\", \"`."), `
print(ctx.request.headers.accept);            // prints text/html
print(ctx.request.headers["content-type"]);   // prints application/json
`),
		withExample(property("request.headers_all", "map", "The headers: name in lower case to an array of texts."), `
print(ctx.request.headers_all.accept);   // prints ["text/html"]
`),
		withExample(property("request.cookies", "map", "The cookies: name to text."), `
print(ctx.request.cookies.sid);   // prints 42
`),
		withExample(property("request.body", "any", "The body: parsed when the content type is JSON, else as `body_raw`; `()` when there is none."), `
print(ctx.request.body.letters + 1);   // prints 4
`),
		withExample(property("request.body_raw", "string | blob", "The body as it was sent: a string, or a blob when it is not UTF-8."), `
print(ctx.request.body_raw);   // prints {"letters": 3}
`),
		withExample(property("request.form", "map", "Of a form: name to text, or to `#{name, filename, content_type, size, data}` of a file. Of a repeated name the last counts."), `
ctx.request.form.picture.filename   // answers cat.png
`),
		withExample(property("request.form_all", "map", "Of a form: name to an array of all its values."), `
ctx.request.form_all.picture[0].content_type   // answers application/octet-stream
`),
		{Name: "save_file", On: "map", Takes: "field: string, collection: string [, index: int]", Returns: "map", Op: abi.OpRequestSaveFile,
			Says:  "Stores a file of the form without passing it through the script, and returns its metadata as of [files](files.md).",
			More:  "It is the last one of the field, or that of number `index` from 0. A form's files are in `ctx.request.form` up to 1 MiB in all; this takes larger ones.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such file in the form"}, {abi.OpCodeInvalid, "the request has no form"}, {abi.OpCodeQuota, "the app may keep no more"}}, Example: `
let file = ctx.request.save_file("picture", "pictures");
#{name: file.name, size: file.size}   // answers {"name":"cat.png","size":4}
`},
		withExample(property("event.id", "string", "The id of the event: the same at each attempt, by which a script knows what it has done already."), `
print(ctx.event.id.len());   // prints 36
`),
		withExample(property("event.source", "string", "`\"kv\"`, `\"docs\"`, `\"files\"`, `\"cron\"`, `\"queue\"`, `\"pubsub\"` or `\"dead_letter\"`; the property of that name has what happened."), `
print(ctx.event.source);   // prints kv
`),
		withExample(property("event.operation", "string", "`\"create\"`, `\"update\"`, `\"delete\"` or `\"expire\"` of data; `\"tick\"` of a schedule, `\"push\"` or `\"debounce\"` of a queue, `\"publish\"` of a topic, `\"dead\"` of an event that was given up; `\"fire\"` by hand."), `
print(ctx.event.operation);   // prints update
`),
		withExample(property("event.trigger_id", "string", "The id of the trigger."), `
print(ctx.event.trigger_id.len());   // prints 36
`),
		withExample(property("event.trigger_name", "string", "Its name."), `
print(ctx.event.trigger_name);   // prints sample
`),
		withExample(property("event.attempt", "int", "Which attempt this is, from 1."), `
print(ctx.event.attempt);   // prints 1
`),
		withExample(property("event.max_attempts", "int", "How many there are at most."), `
print(ctx.event.max_attempts);   // prints 5
`),
		withExample(property("event.first_attempt_at", "string", "When the first was, a text of RFC 3339 in UTC."), `
print(ctx.event.first_attempt_at);   // prints 2026-01-01T08:00:00Z
`),
		withExample(property("event.depth", "int", "How many events led to this one, each by a script; 8 at most unless the server says otherwise."), `
print(ctx.event.depth);   // prints 1
`),
		withExample(property("event.root_execution_id", "string", "The execution at the beginning of that."), `
print(ctx.event.root_execution_id.len());   // prints 36
`),
		withExample(property("event.truncated", "bool", "Whether data were left out because they are too large."), `
print(ctx.event.truncated);   // prints false
`),
		withExample(property("event.kv", "map", "`#{collection, key, value, previous}`."), `
print(ctx.event.kv.key + " is " + ctx.event.kv.value);   // prints theme is dark
`),
		withExample(property("event.docs", "map", "`#{collection, id, version, data, prev_data}`."), `
print(ctx.event.docs.data.item);   // prints tea
`),
		withExample(property("event.files", "map", "`#{collection, id, name, content_type, size, sha256, created_at, updated_at}`, never the bytes."), `
print(ctx.event.files.name);   // prints cat.png
`),
		withExample(property("event.cron", "map", "`#{schedule, timezone, scheduled_at, fired_at, missed}`."), `
print(ctx.event.cron.scheduled_at);   // prints 2026-01-01T08:00:00Z
`),
		withExample(property("event.queue", "map", "`#{topic, messages: [#{id, key, body, attempt, pushed_at}]}`. A script may answer `#{failed: [ids]}`, so that those alone are tried again."), `
print(ctx.event.queue.messages[0].body.to);   // prints ada@example.com
`),
		withExample(property("event.pubsub", "map", "`#{topic, message, published_at}`."), `
print(ctx.event.pubsub.message.text);   // prints Hello
`),
		withExample(property("event.dead_letter", "map", "`#{id, attempts, first_at, last_at, error, event}`, where `event` is the one that failed."), `
print(ctx.event.dead_letter.event.source);   // prints docs
`),
	}}

var functions = Module{Name: "functions", Title: "Functions without a module", About: `
What calls other scripts, keeps data together, and makes responses. What a stream is, is told with [responses](responses.md).`,
	Rows: []Row{
		{Name: "invoke", Global: true, Takes: "name: string [, args: any]", Returns: "any", Op: abi.OpInvoke,
			Says:  "Runs another script or plugin of the app, which sees `args` as `ctx.args`, and returns its value.",
			More:  "It runs in a sandbox of its own, with limits of its own but no longer than its caller, and may do what its caller may. Invocations nest 8 deep. A structured response comes as it is, a map with `statusCode`.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no script or plugin of that name"}, {abi.OpCodeFailed, "it threw, or does not compile"}, {abi.OpCodeTimeout, "it took longer than it may"}, {abi.OpCodeLimit, "it exceeded another of its limits, or 8 are nested"}}, Example: `
print(invoke("double", 21));   // prints 42
try { invoke("nobody"); } catch (e) { print(e.code); }   // prints not_found
`},
		{Name: "invoke_async", Global: true, Takes: "name: string [, args: any [, options: #{delay_ms: int}]]", Returns: "string", Op: abi.OpInvokeAsync,
			Says:  "Has another script or plugin of the app run later, and returns the id that the execution will have.",
			More:  "It is durable when the function returns, and tried again if it fails. `delay_ms` is thirty days at most. Arguments have JSON of 256 KiB at most.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no script or plugin of that name"}, {abi.OpCodeInvalid, "the arguments or an option are not as they must be"}, {abi.OpCodeQuota, "too many events of the app wait"}}, Example: `
let id = invoke_async("double", 21, #{delay_ms: 60_000});
print(id.len());   // prints 36
`},
		{Name: "transaction", Global: true, Takes: "body: Fn", Returns: "any", Op: abi.OpTransactionBegin,
			Says:  "Runs a function so that what it does in `kv` and `docs` is kept as a whole or, if it throws, not at all; returns its value.",
			More:  "What follows from it, messages and events, is part of it. If another transaction is in the way the function runs again, 10 times at most. `http`, changes of `files`, `index` of documents, `invoke`, streams, hashes of passwords, `sleep` and another transaction are refused within.",
			Fails: []Failure{{abi.OpCodeTimeout, "it has taken 5 s, or 1 s in one run on SQLite"}, {abi.OpCodeConflict, "others were in the way each time"}, {abi.OpCodeUnavailable, "the storage fails"}, {abi.OpCodeInvalid, "what it does is refused within a transaction"}}, Example: `
let accounts = kv::collection("accounts");
accounts.set("ada", 10);
try {
    transaction(|| {
        accounts.incr("ada", -20);
        if accounts.get("ada") < 0 { throw "too little"; }
    });
} catch (e) { print(e); }        // prints too little
print(accounts.get("ada"));      // prints 10
`},
		{Name: "redirect", Global: true, Takes: "url: string [, status: int]", Returns: "map",
			Says: "A response that leads a browser elsewhere, with the status 302, or 301, 303, 307 or 308.", Fails: []Failure{{abi.OpCodeInvalid, "the status is another, or the URL is empty"}}, Example: `
print(redirect("/login"));   // prints #{"headers": #{"location": "/login"}, "statusCode": 302}
`},
		{Name: "write", On: "ResponseStream", Takes: "value: any", Op: abi.OpStreamWrite,
			Says: "Sends a part of a streamed response: a string as text, a blob as its bytes, anything else as JSON.", More: "It waits until the client takes what was sent before.",
			Fails: []Failure{{abi.OpCodeCancelled, "the client has gone"}, {abi.OpCodeLimit, "the response is not sent bit by bit, and larger than 16 MiB"}}, Example: `
#{statusCode: 200, headers: #{"content-type": "text/csv"}, stream: |out| {
    for n in 1..=3 { out.write(n.to_string() + ";"); }
}}   // answers 1;2;3;
`},
		{Name: "event", On: "ResponseStream", Takes: "event: #{event: string, id: string, data: any, retry: int}", Op: abi.OpStreamEvent,
			Says: "Sends a server-sent event as part of a streamed response.", More: "`data` is sent as `write` does it, `retry` is in milliseconds.",
			Fails: []Failure{{abi.OpCodeCancelled, "the client has gone"}, {abi.OpCodeInvalid, "a property is not as it must be"}}, Example: `
#{statusCode: 200, stream: |out| out.event(#{event: "tick", id: "1", data: 42})}   // answers …event: tick…data: 42…
`},
	}}

func logs(level, says string) Row {
	return Row{Name: level, Takes: "message: any [, data: any]", Op: abi.OpLogWrite, Says: says, Example: `
log::` + level + `("saved", #{id: 7});   // prints saved {"id":7}
`}
}

var log = Module{Name: "log", Title: "Lines in the log", About: `
A line has a message, and data of JSON if they are given. ` + "`print(value)`" + ` writes a line of the level ` + "`info`" + `, ` + "`debug(value)`" + ` one of ` + "`debug`" + ` that
says where it is. ` + "`picloud logs SCRIPT`" + ` shows them, ` + "`-f`" + ` as they come.`,
	Rows: []Row{
		logs("trace", "Writes what only who looks for a fault wants to know."),
		logs("info", "Writes what happened."),
		logs("warn", "Writes what should not have happened."),
		logs("error", "Writes what failed."),
	}}
