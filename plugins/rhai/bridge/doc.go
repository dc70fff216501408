// Package bridge is what a script sees of PiCloud: the variable ctx and the modules log, kv, docs,
// files, http, queue, pubsub, dead_letters, json, base64, hex, url, regex, random, uuid, crypto and
// time, and the functions invoke, invoke_async and transaction. The comments of the register functions list what
// is in each; package reference has a row for each of them, and a test here that finds what is missing.
//
// # Operations
//
// Functions of log, kv, docs, files, http, queue, pubsub and dead_letters, and invoke,
// invoke_async and transaction, perform an operation of package abi: a request is written straight from the script's
// values, the response becomes values again. A collection or topic is a value of its own type
// (KvCollection, DocsCollection, FilesCollection, QueueTopic) whose methods these are:
//
//	let visits = kv::collection("visits");
//	visits.incr("home", 1)
//
// Options are a map. A property that there is not is an error, one that is () counts as missing. A
// char arrives as a string. What has no meaning outside of the script (NaN, infinities, function
// pointers, timestamps, ranges, collections) is refused with the path to it. What comes back keeps
// to the script's limits on the size of strings, arrays, blobs and maps.
//
// # Errors
//
// What fails throws an error that reads "kv.set: ttl_ms must be at least 1, got 0 (line 3, position
// 5)" and that catch sees as a map, like Rhai's own errors:
//
//	try { visits.set("home", 1, #{ttl_ms: 0}) } catch (e) {
//	    // e.error == "ErrorOperation", e.operation == "kv.set", e.code == "invalid",
//	    // e.message == "kv.set: ttl_ms must be at least 1, got 0", e.line, e.position
//	}
//
// The codes are those of [abi.OpCode]. Functions that perform no operation have the code "invalid"
// and their own name: "regex::find". An argument of a wrong type is Rhai's "Function not found"
// with the types that it was called with.
//
// A script that handles an event and fails may say what becomes of it, by a map that it throws:
//
//	throw #{retry_after_ms: 5000, message: "the shop is down"}   // again, but not before
//	throw #{dead_letter: true, message: "no such order"}         // not again
//
// # Time and chance
//
// Each run gets the time and 32 bytes of entropy from the host. random, uuid and the tokens made
// with them come from ChaCha8 keyed by these: fit for secrets, and never the same in two runs.
//
// # Work
//
// Every function counts operations in proportion to what it reads and writes, before or while it
// works, and looks at the interrupt word at least every 8 KiB; json, base64, hex, and crypto count
// all of it beforehand, which the limits on the size of values bound.
package bridge
