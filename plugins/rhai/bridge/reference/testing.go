package reference

import "github.com/picloud/picloud/abi"

// tested is what the examples of tests are about.
const tested = `The examples are of an app whose script ` + "`cart`" + `, on ` + "`POST /cart`" + ` and ` + "`GET /cart`" + `, keeps what is posted as a document of ` + "`orders`" + ` and asks
` + "`https://rates.example/eur`" + ` for a rate; its trigger ` + "`placed`" + ` runs ` + "`tell`" + ` for each new order.`

var testing = Module{Name: "testing", Tests: true, Title: "Functions of tests", About: `
` + "`picloud test`" + ` runs the tests of a folder: each function ` + "`fn test_…()`" + ` of a file whose name ends in ` + "`_test.rhai`" + `. A test passes unless it throws. These
functions are there in such files alone; a deploy leaves the files out.

- The app of the folder is deployed on a server in the command's own process, with its seed, its routes and its limits; that server has the
  defaults of all settings, whatever ` + "`PICLOUD_*`" + ` variables there are. Each test is an execution of its own and begins with just that: nothing is left of another test,
  of its data, its files, its requests or the time. It passes when it has come to its end: a file that returns outside of a function, say, has run none. A function ` + "`before_each()`" + ` of the file is called before each of its tests.
- A test may do what the app's scripts may: it reads ` + "`kv`" + ` and ` + "`docs`" + `, and imports the app's modules, in which these functions are not.
- Events wait until the test calls ` + "`deliver`" + `. Requests to other servers are refused unless ` + "`fake_http`" + ` answers them.
- Secrets have the values of ` + "`.env`" + `; one that is not there is ` + "`fake-NAME`" + `, and one that is empty there is refused.

` + tested,
	Rows: []Row{
		{Name: "assert", Global: true, Takes: "condition: any [, message: any]", Says: "Throws unless the condition is `true`.", More: "The message is what the failure says.", Example: `
assert("tea".len() == 3, "tea has three letters");
print("passed");   // prints passed
`},
		{Name: "assert_eq", Global: true, Takes: "got: any, want: any", Says: "Throws unless both are equal, as `==` has it; the failure tells each place where they differ.",
			More: "Of maps and arrays it names the paths, of texts of several lines the lines.", Example: `
try {
    assert_eq(#{item: "tea", sizes: [1, 2]}, #{item: "tea", sizes: [1, 3]});
} catch (e) { print(e); }   // prints assert_eq: …sizes[1]: got 2, want 3
`},
		{Name: "assert_ne", Global: true, Takes: "got: any, unwanted: any", Says: "Throws if both are equal.", Example: `
assert_ne(uuid::v4(), uuid::v4());
print("passed");   // prints passed
`},
		{Name: "assert_throws", Global: true, Takes: "body: Fn [, pattern: string]", Returns: "any",
			Says: "Throws unless the function does, with an error in which the regular expression is found; returns the error as `catch` sees it.",
			More: "An error that cannot be caught, such as that of a limit, ends the test.", Example: `
let e = assert_throws(|| kv::collection("").get("a"), "collection");
print(e.code);   // prints invalid
`},
		{Name: "call", Global: true, Takes: "script_or_route: string [, request: map]", Returns: "#{statusCode: int, headers: map, body: any}",
			Says:  "Asks a script, by its name, or a route, `[METHOD ][HOST]/PATH`, and returns the response; its body is parsed if it is JSON.",
			More:  "The request is `#{method, path, query, headers, params, rest, body}`, of which a route takes `query`, `headers` and `body`. A map or array is sent as JSON. A route is\nasked over HTTP, with all that belongs to it; redirects are not followed. A script that fails answers as a route does to who may read its log.",
			Fails: []Failure{{abi.OpCodeNotFound, "the app has no such script"}, {abi.OpCodeInvalid, "the request is not as it must be"}}, Example: `
let response = call("POST /cart", #{body: #{item: "tea"}});
print(response.statusCode);   // prints 201
print(docs::collection("orders").get(response.body.id).data.item);   // prints tea
`},
		{Name: "fire", Global: true, Takes: "trigger_or_script: string [, event: map]", Returns: "#{outcome: string, value: any, message: string}",
			Says:  "Runs the script of a trigger, or a script, with an event: what a delivery has, and over that what is given.",
			More:  "`outcome` is `\"ok\"` or the code of the error, `message` that of the error, `value` what the script returned. It is no delivery: there is no further attempt, and nothing waits.",
			Fails: []Failure{{abi.OpCodeNotFound, "the app has no such trigger or script"}, {abi.OpCodeInvalid, "it is the name of a trigger and of a script that is not the trigger's"}}, Example: `
let told = fire("placed", #{docs: #{collection: "orders", id: "1", data: #{item: "tea"}}});
print(told.outcome);   // prints ok
print(told.value);     // prints told of tea
`},
		{Name: "deliver", Global: true, Returns: "array",
			Says:  "Delivers the events that are due, in order, and what follows from them if it is due, too, until nothing is; tells what became of each.",
			More:  "That are changes of data, messages, `invoke_async`, asynchronous routes, and schedules whose time has come by the [clock](clock.md#set). Of each delivery it tells `#{trigger, script,\nsource, events, result, message}`, where `result` is `\"done\"`, `\"retried\"` (again when that is due) or `\"dead\"`.",
			Fails: []Failure{{abi.OpCodeLimit, "more than 10,000 deliveries follow from one another"}}, Example: `
call("POST /cart", #{body: #{item: "tea"}});
let delivered = deliver();
print(delivered[0].trigger + " " + delivered[0].result);   // prints placed done
print(deliver());                                          // prints []
`},
		{Name: "fake_http", Global: true, Takes: "pattern: string, answer: Fn", Says: "Has the function answer requests of scripts to other servers whose method and URL match: `[METHOD ]URL`, in which `*` stands for any text.",
			More:  "It gets `#{method, url, headers, body, body_raw}` and returns `#{status, headers, body}`, or anything without `status` as the body of a 200. What it throws is an\n`unreachable` for the script. Of several that match the last one answers; a request that none matches is `denied`.",
			Fails: []Failure{{abi.OpCodeInvalid, "the pattern has no URL"}}, Example: `
fake_http("GET https://rates.example/*", |request| #{rate: 1.25});
print(call("GET /cart").body.rate);   // prints 1.25

fake_http("*", |request| #{status: 500, body: "later"});
print(http::get("https://rates.example/eur").status);   // prints 500
`},
	}}

var clock = Module{Name: "clock", Tests: true, Title: "The time in tests", About: `
In [tests](testing.md) the time that scripts and data see can be set: that of ` + "`time::now`" + `, of lifetimes, delays, schedules and rates of requests. It is the machine's
until then, and stands still from then on. How long an execution may take is always the machine's.`,
	Rows: []Row{
		{Name: "set", Takes: "time: string", Says: "Stops the clock at a time of RFC 3339. Schedules go on from there.",
			Fails: []Failure{{abi.OpCodeInvalid, "the time is not one between 1970 and 2200"}}, Example: `
clock::set("2030-01-31T12:00:00Z");
print(time::now());   // prints 2030-01-31T12:00:00.000Z
`},
		{Name: "advance", Takes: "ms: int", Says: "Moves the clock on by so many milliseconds, and stops it there.",
			Fails: []Failure{{abi.OpCodeInvalid, "it is below 0, or more than a hundred years"}}, Example: `
let cache = kv::collection("cache");
cache.set("rate", 1.25, #{ttl_ms: 60_000});
clock::advance(60_000);
print(cache.get("rate") == ());   // prints true
`},
	}}
