package reference

import "github.com/picloud/picloud/abi"

const page = "A page has 50 items unless `limit` says otherwise, at most 1,000; `cursor` is that of the page before."

var kv = Module{Name: "kv", Title: "Keys and values", About: `
Values by key, in collections of the app. Nobody but the app's own scripts, and people who work on the app, sees them.

A collection needs not be made: it is there as soon as something is in it. Names of collections and keys have 1 to 512 bytes
without control characters; a value has 1 MiB of JSON at most. A change is durable when the function returns, and starts the
triggers of the kind ` + "`kv`" + ` whose collection it is.`,
	Rows: []Row{
		{Name: "collection", Takes: "name: string", Returns: "KvCollection", Says: "The collection of that name, on which the other functions work.", Example: `
let visits = kv::collection("visits");
visits.set("home", 1);
print(visits.get("home"));                     // prints 1
`},
		{Name: "get", On: "KvCollection", Takes: "key: string", Returns: "any", Op: abi.OpKVGet,
			Says: "The value of a key, `()` when there is none.", Example: `
let settings = kv::collection("settings");
settings.set("theme", #{dark: true});
print(settings.get("theme").dark);             // prints true
print(settings.get("nothing") ?? "default");   // prints default
`},
		{Name: "set", On: "KvCollection", Takes: "key: string, value: any [, options: #{ttl_ms: int, if_absent: bool}]", Returns: "bool", Op: abi.OpKVSet,
			Says:  "Sets the value of a key, and returns whether it did.",
			More:  "With `ttl_ms` the key is gone after so many milliseconds; without, it stays. With `if_absent: true` a key that is there is left as it is, and the answer is `false`.",
			Fails: []Failure{{abi.OpCodeInvalid, "the value has no JSON (`NaN`, a function) or more than 1 MiB of it; `ttl_ms` is below 1"}, {abi.OpCodeQuota, "the app may keep no more"}},
			Example: `
let locks = kv::collection("locks");
print(locks.set("import", true, #{if_absent: true, ttl_ms: 60_000}));   // prints true
print(locks.set("import", true, #{if_absent: true}));                   // prints false
`},
		{Name: "has", On: "KvCollection", Takes: "key: string", Returns: "bool", Op: abi.OpKVHas, Says: "Whether there is such a key.", Example: `
let seen = kv::collection("seen");
seen.set("a", ());
print(seen.has("a"));   // prints true
print(seen.has("b"));   // prints false
`},
		{Name: "delete", On: "KvCollection", Takes: "key: string", Returns: "bool", Op: abi.OpKVDelete, Says: "Deletes a key, and returns whether it was there.", Example: `
let carts = kv::collection("carts");
carts.set("ada", [1, 2]);
print(carts.delete("ada"));   // prints true
print(carts.delete("ada"));   // prints false
`},
		{Name: "list", On: "KvCollection", Takes: "[, options: #{cursor: string, limit: int, prefix: string}]", Returns: "#{items: array, cursor: string}", Op: abi.OpKVList,
			Says: "The keys with their values, in the order of the keys' bytes.",
			More: "Each item is `#{key, value}`. " + page + " `cursor` is `\"\"` after the last page. `prefix` is what keys begin with.",
			Example: `
let prices = kv::collection("prices");
for name in ["apple", "apricot", "banana"] { prices.set(name, name.len()); }
let page = prices.list(#{prefix: "ap"});
print(page.items.map(|item| item.key));   // prints ["apple", "apricot"]
print(page.cursor == "");                 // prints true
`},
		{Name: "incr", On: "KvCollection", Takes: "key: string, by: int", Returns: "int", Op: abi.OpKVIncr,
			Says:  "Adds to an integer, in one step, and returns the sum. A key that is missing counts as 0.",
			Fails: []Failure{{abi.OpCodeInvalid, "the value is no integer, or the sum has more than 64 bits"}}, Example: `
let counters = kv::collection("counters");
print(counters.incr("orders", 1));    // prints 1
print(counters.incr("orders", 10));   // prints 11
`},
		{Name: "compare_and_set", On: "KvCollection", Takes: "key: string, expected: any, value: any", Returns: "bool", Op: abi.OpKVCompareAndSet,
			Says: "Sets the value of a key if it is the one expected, in one step, and returns whether it did.",
			More: "`()` is expected of a key that must be missing, and set to have it deleted.", Example: `
let jobs = kv::collection("jobs");
print(jobs.compare_and_set("7", (), "running"));       // prints true
print(jobs.compare_and_set("7", "waiting", "done"));   // prints false
print(jobs.get("7"));                                  // prints running
`},
	}}

const order = "`sort` is a map of one path to `1` or `-1`, or an array of such pairs where there are several: `[[\"paid\", 1], [\"total\", -1]]`; without it the documents are in the order in which they were made."

var docs = Module{Name: "docs", Title: "Documents", About: `
JSON documents, found by what is in them. A document is a map, in a collection of the app; it comes in an envelope
` + "`#{id, data, version, created_at, updated_at}`" + `, of which ` + "`data`" + ` is the map, ` + "`version`" + ` goes up by one with each change, and the times are texts
of RFC 3339 in UTC.

A document has 1 MiB of JSON at most. A change is durable when the function returns, and starts the triggers of the kind ` + "`docs`" + `
whose collection it is. What a filter may say is on the page [filters](filters.md).`,
	Rows: []Row{
		{Name: "collection", Takes: "name: string", Returns: "DocsCollection", Says: "The collection of that name, on which the other functions work.", Example: `
let orders = docs::collection("orders");
orders.create(#{item: "tea", paid: false});
print(orders.count());   // prints 1
`},
		{Name: "create", On: "DocsCollection", Takes: "data: map", Returns: "string", Op: abi.OpDocsCreate, Says: "Makes a document, and returns its id, a UUID of version 7.",
			Fails: []Failure{{abi.OpCodeInvalid, "the data have no JSON (`NaN`, a function) or more than 1 MiB of it"}, {abi.OpCodeQuota, "the app may keep no more"}}, Example: `
let people = docs::collection("people");
let id = people.create(#{name: "Ada", born: 1815});
print(people.get(id).data.name);   // prints Ada
print(people.get(id).version);     // prints 1
`},
		{Name: "get", On: "DocsCollection", Takes: "id: string", Returns: "map | ()", Op: abi.OpDocsGet, Says: "The document with an id, in its envelope; `()` when there is none.", Example: `
let notes = docs::collection("notes");
let id = notes.create(#{text: "buy tea"});
print(notes.get(id).data);      // prints #{"text": "buy tea"}
print(notes.get("x") == ());    // prints true
`},
		{Name: "find", On: "DocsCollection", Takes: "filter: map [, options: #{cursor: string, explain: bool, limit: int, sort: map | array}]", Returns: "array | map", Op: abi.OpDocsFind,
			Says: "The documents that a filter matches, in their envelopes.", More: page + " The cursor of the next page is to be had from [page](#page). " + order + " With `explain: true` it returns " +
				"how they are found instead: `#{plan, path, range, sort, looked}`, of which `plan` is `\"index\"`, `\"terms\"`, `\"ids\"` or `\"all\"` (see [indexes](filters.md#indexes)) and `looked` " +
				"the number of documents that were looked at.",
			Fails: []Failure{{abi.OpCodeInvalid, "the filter, `sort` or `limit` is not as it must be, or the cursor belongs to another question"}}, Example: `
let orders = docs::collection("shop orders");
orders.create(#{item: "tea", total: 12});
orders.create(#{item: "cake", total: 30});
orders.create(#{item: "jam", total: 8});
let found = orders.find(#{total: #{"$gte": 10}}, #{sort: #{total: -1}});
print(found.map(|order| order.data.item));   // prints ["cake", "tea"]
`},
		{Name: "find_one", On: "DocsCollection", Takes: "filter: map [, options: #{sort: map | array}]", Returns: "map | ()", Op: abi.OpDocsFind,
			Says: "The first document that a filter matches; `()` when there is none.", More: order, Example: `
let people = docs::collection("authors");
people.create(#{name: "Grace"});
print(people.find_one(#{name: "Grace"}).data.name);   // prints Grace
print(people.find_one(#{name: "Alan"}) == ());        // prints true
`},
		{Name: "list", On: "DocsCollection", Takes: "[, options: #{cursor: string, limit: int, sort: map | array}]", Returns: "array", Op: abi.OpDocsFind,
			Says: "The documents of the collection, as `find` without a filter.", More: page, Example: `
let tasks = docs::collection("tasks");
for title in ["wash", "cook"] { tasks.create(#{title: title}); }
print(tasks.list(#{limit: 1}).len());                     // prints 1
print(tasks.list().map(|task| task.data.title));          // prints ["wash", "cook"]
`},
		{Name: "page", On: "DocsCollection", Takes: "filter: map [, options: #{cursor: string, limit: int, sort: map | array}]", Returns: "#{items: array, cursor: string}", Op: abi.OpDocsFind,
			Says: "As `find`, with the cursor of the next page, which is `\"\"` after the last.", Example: `
let lines = docs::collection("lines");
for n in 1..=3 { lines.create(#{n: n}); }
let page = lines.page(#{}, #{limit: 2});
print(page.items.map(|line| line.data.n));   // prints [1, 2]
page = lines.page(#{}, #{limit: 2, cursor: page.cursor});
print(page.items.map(|line| line.data.n));   // prints [3]
print(page.cursor == "");                    // prints true
`},
		{Name: "update", On: "DocsCollection", Takes: "id: string, data: map [, options: #{if_version: int}]", Returns: "map", Op: abi.OpDocsUpdate,
			Says: "Replaces the data of a document, and returns its envelope as it is now.", More: "With `if_version` it does so only if the document is at that version.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such document"}, {abi.OpCodeConflict, "it is at another version than `if_version`"}, {abi.OpCodeInvalid, "the data have no JSON or more than 1 MiB of it"}}, Example: `
let pages = docs::collection("pages");
let id = pages.create(#{title: "Draft"});
print(pages.update(id, #{title: "Final"}, #{if_version: 1}).version);   // prints 2
try { pages.update(id, #{title: "Lost"}, #{if_version: 1}); } catch (e) { print(e.code); }   // prints conflict
`},
		{Name: "patch", On: "DocsCollection", Takes: "id: string, changes: map [, options: #{if_version: int}]", Returns: "map", Op: abi.OpDocsPatch,
			Says: "Merges a map into the data of a document (RFC 7396), and returns its envelope as it is now.", More: "What is `()` in the map is taken away.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such document"}, {abi.OpCodeConflict, "it is at another version than `if_version`"}}, Example: `
let orders = docs::collection("paid orders");
let id = orders.create(#{item: "tea", paid: false, note: "soon"});
print(orders.patch(id, #{paid: true, note: ()}).data);   // prints #{"item": "tea", "paid": true}
`},
		{Name: "delete", On: "DocsCollection", Takes: "id: string", Returns: "bool", Op: abi.OpDocsDelete, Says: "Deletes a document, and returns whether it was there.", Example: `
let drafts = docs::collection("drafts");
let id = drafts.create(#{});
print(drafts.delete(id));   // prints true
print(drafts.delete(id));   // prints false
`},
		{Name: "count", On: "DocsCollection", Takes: "[, filter: map]", Returns: "int", Op: abi.OpDocsCount, Says: "How many documents there are, or how many a filter matches.", Example: `
let votes = docs::collection("votes");
for yes in [true, false, true] { votes.create(#{yes: yes}); }
print(votes.count());               // prints 3
print(votes.count(#{yes: true}));   // prints 2
`},
		{Name: "index", On: "DocsCollection", Takes: "path: string", Returns: "map", Op: abi.OpDocsIndex,
			Says:  "Has a path into the data indexed, unless it is, and returns the index: `#{path, state, built}`.",
			More:  "It is built in the background, and used once its `state` is `\"ready\"`; see [indexes](filters.md#indexes). It is not possible in a transaction.",
			Fails: []Failure{{abi.OpCodeInvalid, "the path is none, or one of the document itself as `created_at`"}, {abi.OpCodeQuota, "the collection has 8 indexes, or the app 200"}}, Example: `
let bills = docs::collection("bills");
for total in [12, 30, 8] { bills.create(#{total: total}); }
print(bills.index("total").path);                                            // prints total
print(bills.find(#{total: #{"$gt": 10}}, #{sort: #{total: 1}}).len());       // prints 2
print(bills.find(#{}, #{explain: true}).plan);                               // prints ids
`},
		{Name: "indexes", On: "DocsCollection", Takes: "", Returns: "array", Op: abi.OpDocsIndexes, Says: "The indexes on paths of the documents, in the order of the paths.", Example: `
let rooms = docs::collection("rooms");
rooms.index("beds");
print(rooms.indexes().map(|index| index.path));   // prints ["beds"]
`},
	}}

var files = Module{Name: "files", Title: "Files", About: `
Bytes with a name and a content type, in collections of the app, kept on the server's disk with a checksum. What is known of a file is
its metadata, ` + "`#{id, name, content_type, size, sha256, created_at, updated_at}`" + `: ` + "`size`" + ` in bytes, ` + "`sha256`" + ` in hexadecimal, times as texts
of RFC 3339 in UTC.

A file has 100 MiB at most unless the server says otherwise; what a script reads of one at once, 10 MiB unless its limits say otherwise. A form's file is stored
without passing through the script by [save_file](ctx.md#save_file), and a stored one is sent by
[a response with ` + "`file`" + `](responses.md). Changes are not possible in a transaction, and start the triggers of the kind ` + "`files`" + `.`,
	Rows: []Row{
		{Name: "collection", Takes: "name: string", Returns: "FilesCollection", Says: "The collection of that name, on which the other functions work.", Example: `
let letters = files::collection("letters");
letters.create(#{name: "hello.txt", content_type: "text/plain", data: "Hello!"});
print(letters.list().len());   // prints 1
`},
		{Name: "create", On: "FilesCollection", Takes: "file: #{name: string, content_type: string, data: blob | string}", Returns: "map", Op: abi.OpFilesCreate,
			Says:  "Stores a file, and returns its metadata. All three properties are needed.",
			Fails: []Failure{{abi.OpCodeInvalid, "a property is missing, the name has a path separator, or the file is larger than it may be"}, {abi.OpCodeQuota, "the app may keep no more"}}, Example: `
let reports = files::collection("reports");
let file = reports.create(#{name: "may.csv", content_type: "text/csv", data: "day,orders\n1,7\n"});
print(file.name + " " + file.size);   // prints may.csv 15
`},
		{Name: "head", On: "FilesCollection", Takes: "id: string", Returns: "map | ()", Op: abi.OpFilesHead, Says: "The metadata of a file; `()` when there is none.", Example: `
let notes = files::collection("notes");
let id = notes.create(#{name: "a.txt", content_type: "text/plain", data: "abc"}).id;
print(notes.head(id).sha256.sub_string(0, 8));   // prints ba7816bf
print(notes.head("x") == ());                    // prints true
`},
		{Name: "get", On: "FilesCollection", Takes: "id: string [, part: #{offset: int, length: int}]", Returns: "blob | ()", Op: abi.OpFilesGet,
			Says: "The bytes of a file, or those of a part of it; `()` when there is none.", More: "Without `length` the part goes to the end of the file.",
			Fails: []Failure{{abi.OpCodeInvalid, "the file has more than 16 MiB, and no part is asked for"}, {abi.OpCodeCorrupted, "what is on the disk is not what was stored"}}, Example: `
let books = files::collection("books");
let id = books.create(#{name: "b.txt", content_type: "text/plain", data: "Once upon a time"}).id;
print(books.get(id).as_string());                             // prints Once upon a time
print(books.get(id, #{offset: 5, length: 4}).as_string());    // prints upon
`},
		{Name: "update", On: "FilesCollection", Takes: "id: string, file: #{name: string, content_type: string, data: blob | string}", Returns: "map", Op: abi.OpFilesUpdate,
			Says:  "Changes what is given of a file, and returns its metadata as they are now.",
			Fails: []Failure{{abi.OpCodeNotFound, "there is no such file"}, {abi.OpCodeInvalid, "a property is not as it must be"}, {abi.OpCodeQuota, "the app may keep no more"}}, Example: `
let photos = files::collection("photos");
let id = photos.create(#{name: "img_1.jpg", content_type: "image/jpeg", data: "..."}).id;
print(photos.update(id, #{name: "cat.jpg"}).name);   // prints cat.jpg
`},
		{Name: "delete", On: "FilesCollection", Takes: "id: string", Returns: "bool", Op: abi.OpFilesDelete, Says: "Deletes a file, and returns whether it was there.", Example: `
let temporary = files::collection("temporary");
let id = temporary.create(#{name: "t", content_type: "text/plain", data: ""}).id;
print(temporary.delete(id));   // prints true
print(temporary.delete(id));   // prints false
`},
		{Name: "list", On: "FilesCollection", Takes: "[, options: #{cursor: string, limit: int}]", Returns: "array", Op: abi.OpFilesList,
			Says: "The metadata of the files, in the order in which they were made.", More: page, Example: `
let scans = files::collection("scans");
for name in ["1.pdf", "2.pdf"] { scans.create(#{name: name, content_type: "application/pdf", data: "%PDF"}); }
print(scans.list().map(|file| file.name));   // prints ["1.pdf", "2.pdf"]
`},
		{Name: "page", On: "FilesCollection", Takes: "[, options: #{cursor: string, limit: int}]", Returns: "#{items: array, cursor: string}", Op: abi.OpFilesList,
			Says: "As `list`, with the cursor of the next page, which is `\"\"` after the last.", Example: `
let songs = files::collection("songs");
for name in ["a.mp3", "b.mp3"] { songs.create(#{name: name, content_type: "audio/mpeg", data: "ID3"}); }
let page = songs.page(#{limit: 1});
print(page.items[0].name);                                // prints a.mp3
print(songs.page(#{cursor: page.cursor}).items[0].name);  // prints b.mp3
`},
	}}

var secrets = Module{Name: "secrets", Title: "Secrets", About: `
What a script must know and nobody is to see, as the key of another service. An administrator of the app sets a secret
(` + "`picloud secrets set`" + `); scripts only read. Values of six bytes and more are masked in the log, in errors and in dead letters, also
where they are encoded.`,
	Rows: []Row{
		{Name: "get", Takes: "name: string", Returns: "string | ()", Op: abi.OpSecretsGet, Says: "The value of a secret; `()` when there is none.", Example: `
let key = secrets::get("stripe");
print("the key is " + key);             // prints the key is ***
print(secrets::get("nothing") == ());   // prints true
`},
		{Name: "has", Takes: "name: string", Returns: "bool", Op: abi.OpSecretsHas, Says: "Whether there is such a secret.", Example: `
print(secrets::has("stripe"));    // prints true
print(secrets::has("nothing"));   // prints false
`},
		{Name: "list", Returns: "array", Op: abi.OpSecretsList, Says: "The names of all secrets, in their order.", Example: `
print(secrets::list());   // prints ["stripe"]
`},
	}}
