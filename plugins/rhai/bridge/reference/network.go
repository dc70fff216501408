package reference

import "github.com/picloud/picloud/abi"

const httpOptions = "#{headers: map, query: map, timeout_ms: int, max_response_bytes: int, follow_redirects: bool}"

var httpFails = []Failure{
	{abi.OpCodeUnreachable, "there is no answer, or the address is a private one"},
	{abi.OpCodeTimeout, "the answer takes longer than it may"},
	{abi.OpCodeInvalid, "the URL, the method, a header or an option is not as it must be; the answer is larger than it may be"},
}

// sends is a row for a method of HTTP whose requests have a body, asks for one of those that have none.
func sends(name, says, example string) Row {
	return Row{Name: name, Takes: "url: string, body: any [, options: " + httpOptions + "]", Returns: "map", Op: abi.OpHTTPRequest, Says: says, Fails: httpFails, Example: example}
}

func asks(name, says, example string) Row {
	return Row{Name: name, Takes: "url: string [, options: " + httpOptions + "]", Returns: "map", Op: abi.OpHTTPRequest, Says: says, Fails: httpFails, Example: example}
}

var http = Module{Name: "http", Title: "Requests to other servers", About: `
An answer is ` + "`#{status, headers, headers_all, body, body_raw}`" + `, whatever the status: one of 404 or 500 does not throw. ` + "`body`" + ` is parsed if it is
JSON, else as ` + "`body_raw`" + `, a string, or a blob when it is not UTF-8. ` + "`headers`" + ` has a text for each name in lower case, ` + "`headers_all`" + ` an
array of all values.

A body that is a map or an array is sent as JSON, a string as text, a blob as its bytes, ` + "`()`" + ` not at all. Options:

| option | |
|---|---|
| ` + "`headers`" + ` | a map of texts; an array repeats the header |
| ` + "`query`" + ` | a map of texts, added to the URL's query; an array repeats the name |
| ` + "`timeout_ms`" + ` | how long the whole may take |
| ` + "`max_response_bytes`" + ` | how large the body of the answer may be; 10 MiB unless the server says otherwise |
| ` + "`follow_redirects`" + ` | ` + "`true`" + ` unless given |

Private addresses are refused where they are dialled, those of redirects too. Requests are not possible in a transaction.`,
	Rows: []Row{
		asks("get", "Asks for a URL.", `
let answer = http::get("https://api.example.com/greeting", #{query: #{name: "Ada"}});
print(answer.status);          // prints 200
print(answer.body.greeting);   // prints Hello, Ada!
`),
		asks("head", "Asks for the status and the headers alone.", `
let answer = http::head("https://api.example.com/greeting");
print(answer.headers["content-type"]);   // prints application/json
print(answer.body == ());                // prints true
`),
		asks("delete", "Has what a URL names deleted.", `
print(http::delete("https://api.example.com/echo").body.method);   // prints DELETE
`),
		asks("options", "Asks what may be done with a URL.", `
print(http::options("https://api.example.com/echo").body.method);   // prints OPTIONS
`),
		sends("post", "Sends a body to a URL.", `
let answer = http::post("https://api.example.com/echo", #{name: "Ada"});
print(answer.body.body.name);   // prints Ada
`),
		sends("put", "Puts a body at a URL.", `
print(http::put("https://api.example.com/echo", "text").body.body);   // prints text
`),
		sends("patch", "Changes what is at a URL.", `
let answer = http::patch("https://api.example.com/echo", #{paid: true}, #{headers: #{"x-request-id": 7}});
print(answer.body.method);   // prints PATCH
`),
		{Name: "request", Takes: "method: string, url: string [, body: any [, options: " + httpOptions + "]]", Returns: "map", Op: abi.OpHTTPRequest,
			Says: "Makes a request of any method.", Fails: httpFails, Example: `
print(http::request("REPORT", "https://api.example.com/echo").body.method);   // prints REPORT
`},
	}}

const message = "Any value that has JSON of at most 256 KiB."

var queue = Module{Name: "queue", Title: "Messages to be handled later", About: `
A message waits in the queue of its topic until a trigger of the kind ` + "`queue`" + ` hands it to a script, at least once, with what is tried again as the
trigger says. A push is durable when the function returns; in a transaction it is part of it. A topic needs not be made.`,
	Rows: []Row{
		{Name: "topic", Takes: "name: string", Returns: "QueueTopic", Says: "The topic of that name, on which the other functions work.", Example: `
let mail = queue::topic("mail");
print(mail.push(#{to: "ada@example.com"}).len());   // prints 36
`},
		{Name: "push", On: "QueueTopic", Takes: "message: any [, options: #{delay_ms: int, key: string, dedupe: string, debounce_ms: int}]", Returns: "string", Op: abi.OpQueuePush,
			Says: "Puts a message into the queue, and returns its id.",
			More: message + ` It is due after ` + "`delay_ms`" + `, thirty days at most. Messages of one ` + "`key`" + ` are handled in their order if the trigger is ordered. Of several with
the same ` + "`dedupe`" + ` the first is kept: the id is its. One with ` + "`debounce_ms`" + ` waits so long, and takes the place of one of its ` + "`key`" + ` that waits.`,
			Fails: []Failure{{abi.OpCodeInvalid, "the message or an option is not as it must be"}, {abi.OpCodeQuota, "too many events of the app wait"}}, Example: `
let pictures = queue::topic("pictures");
let id = pictures.push(#{file: "7"}, #{delay_ms: 5_000, dedupe: "picture 7"});
print(pictures.push(#{file: "7"}, #{dedupe: "picture 7"}) == id);   // prints true
`},
		{Name: "push_all", On: "QueueTopic", Takes: "messages: array [, options: #{delay_ms: int, key: string}]", Returns: "array", Op: abi.OpQueuePush,
			Says: "Puts messages into the queue, all or none, and returns their ids.", More: "1,000 messages at most. " + message,
			Fails: []Failure{{abi.OpCodeInvalid, "a message or an option is not as it must be; there is no message"}, {abi.OpCodeQuota, "too many events of the app wait"}}, Example: `
print(queue::topic("numbers").push_all([1, 2, 3]).len());   // prints 3
`},
	}}

var pubsub = Module{Name: "pubsub", Title: "Messages to all who want them", About: `
A message goes to each trigger of the kind ` + "`pubsub`" + ` that subscribes to its topic, and to who follows the topic from outside
(` + "`/realtime/topics/{topic}`" + `) if that is allowed. Names of topics have parts divided by dots, as ` + "`prices.tea`" + `.`,
	Rows: []Row{
		{Name: "publish", Takes: "topic: string, message: any", Returns: "int", Op: abi.OpPubSubPublish,
			Says: "Publishes a message, and returns how many triggers get it.", More: message,
			Fails: []Failure{{abi.OpCodeInvalid, "the topic or the message is not as it must be"}, {abi.OpCodeQuota, "too many events of the app wait"}}, Example: `
print(pubsub::publish("prices.tea", #{price: 12}));   // prints 0
`},
		{Name: "subscriber_token", Takes: "topic: string, ttl_ms: int", Returns: "string", Op: abi.OpPubSubToken,
			Says:  "A token that lets who has it follow the topic from outside, for a second to a day.",
			Fails: []Failure{{abi.OpCodeNotFound, "the topic cannot be followed from outside"}, {abi.OpCodeInvalid, "`ttl_ms` is not between 1,000 and 86,400,000"}}, Example: `
let token = pubsub::subscriber_token("orders", 60_000);
print(token.len() > 20);   // prints true
`},
	}}

var deadLetters = Module{Name: "dead_letters", Title: "Events whose script failed for good", About: `
A dead letter is an event that was given up, after as many attempts as its trigger allows, with why. It is a map with ` + "`id event_id source operation trigger_id trigger_name script_id key attempts error created_at first_at last_at resolution resolved_at resolved_by replayed_as payload`" + `;
times are texts of RFC 3339 in UTC. As long as nobody has decided about it, ` + "`resolution`" + ` is ` + "`\"\"`" + `.`,
	Rows: []Row{
		{Name: "list", Takes: "[, options: #{cursor: string, limit: int, unresolved: bool}]", Returns: "#{items: array, cursor: string}", Op: abi.OpDeadLettersList,
			Says: "The dead letters, the newest first, without their payload.", More: page + " With `unresolved: true` those alone that nobody has decided about.", Example: `
let failed = dead_letters::list(#{unresolved: true}).items;
print(failed[0].error);   // prints Runtime error: the shop is closed (line 1, position 1)
`},
		{Name: "get", Takes: "id: string", Returns: "map | ()", Op: abi.OpDeadLettersGet, Says: "A dead letter, with its payload; `()` when there is none.", Example: `
let id = dead_letters::list().items[0].id;
print(dead_letters::get(id).attempts);   // prints 1
`},
		{Name: "replay", Takes: "id: string", Returns: "string", Op: abi.OpDeadLettersReplay, Says: "Delivers it again, and returns the id of the new event.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such dead letter"}, {abi.OpCodeConflict, "it has been replayed, or decided about"}}, Example: `
let letter = dead_letters::list(#{unresolved: true}).items[0];
print(dead_letters::replay(letter.id) != letter.event_id);   // prints true
`},
		{Name: "resolve", Takes: "id: string, decision: string", Returns: "map", Op: abi.OpDeadLettersResolve,
			Says:  "Decides that it needs nothing more, as `\"ignored\"` or `\"handled_by_script\"`, and returns it as it is now.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such dead letter"}, {abi.OpCodeConflict, "it has been decided about"}, {abi.OpCodeInvalid, "the decision is another"}}, Example: `
let letter = dead_letters::list(#{unresolved: true}).items[0];
print(dead_letters::resolve(letter.id, "handled_by_script").resolution);   // prints handled_by_script
`},
	}}
