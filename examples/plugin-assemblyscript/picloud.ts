// What this plugin uses of PiCloud: host functions, whose requests and answers are
// JSON in Extism's memory, and the ways in which a plugin ends. A host function that
// fails throws.

import { Host, LogLevel, Memory } from "@extism/as-pdk";
import { error_set, length } from "@extism/as-pdk/lib/env";
import { quote, Value } from "./json";

@external("extism:host/user", "clock_monotonic")
declare function clock_monotonic(request: u64): u64;
@external("extism:host/user", "kv_incr")
declare function kv_incr(request: u64): u64;
@external("extism:host/user", "kv_set")
declare function kv_set(request: u64): u64;
@external("extism:host/user", "log_write")
declare function log_write(request: u64): u64;

// The block of memory that hands a request to a host function.
function request(json: string): u64 {
  return Memory.allocateString(json).offset;
}

// The result in the block that a host function answered.
function result(block: u64): Value {
  const answer = new Value(new Memory(block, length(block)).toUint8Array());
  const error = answer.get("error");
  if (error.exists) throw new Error(error.get("message").string());
  return answer.get("result");
}

// The wall clock in seconds since 1970.
export function now(): i64 {
  return I64.parseInt(result(clock_monotonic(0)).get("unix_ns").raw()) / 1_000_000_000;
}

// Sets a number that is forgotten after a while, unless there is one already.
export function setIfAbsent(collection: string, key: string, value: i64, ttl_ms: i64): void {
  result(kv_set(request(
    `{"collection":${quote(collection)},"key":${quote(key)},"value":${value},"ttl_ms":${ttl_ms},"if_absent":true}`,
  )));
}

// Adds to a number and returns the sum.
export function incr(collection: string, key: string, by: i64): i64 {
  const sum = result(kv_incr(request(`{"collection":${quote(collection)},"key":${quote(key)},"by":${by}}`)));
  return I64.parseInt(sum.get("value").raw());
}

// Writes to the execution's log, at a level from trace to error.
export function log(level: string, message: string): void {
  result(log_write(request(`{"level":${quote(level)},"message":${quote(message)}}`)));
}

// Ends the plugin with a value, as JSON; handle returns what this does. Host.outputString
// is no good here: it takes the number of UTF-16 units for that of bytes.
export function succeed(json: string): i32 {
  Host.outputMemory(Memory.allocateString(json));
  return 0;
}

// Ends the plugin as failed; handle returns what this does.
export function fail(message: string): i32 {
  error_set(Memory.allocateString(message).offset);
  return 1;
}

// What a throw calls, by "use" in asconfig.json: the error goes to the execution's log,
// and the plugin is at its end.
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  Host.log(LogLevel.Error, `${message ? message : "abort"} at ${file ? file : "?"}:${line}:${column}`);
  unreachable();
}
