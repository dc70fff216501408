// A rate limiter: each use takes one of so many permits, which are renewed with each
// window of time.
//
//   POST /limits/:key?limit=5&window=60                           over HTTP
//   invoke("limiter", #{ key: "ada", limit: 5, window: 60 })      from a script of the app

import { Host } from "@extism/as-pdk";
import { quote, Value } from "./json";
import { fail, incr, log, now, setIfAbsent, succeed } from "./picloud";

// Permits and seconds when none are named.
const LIMIT = "5";
const WINDOW = "60";

export function handle(): i32 {
  const ctx = new Value(Host.input());
  const request = ctx.get("request");
  return request.exists ? answerRequest(request) : answerCaller(ctx.get("args"));
}

function answerRequest(request: Value): i32 {
  const query = request.get("query");
  const use = new Use(
    request.get("params").get("key").string(), query.get("limit").string(LIMIT), query.get("window").string(WINDOW),
  );
  if (use.complaint != "") return succeed(`{"statusCode":422,"body":{"error":${quote(use.complaint)}}}`);

  const verdict = use.take();
  if (verdict.allowed) return succeed(`{"statusCode":200,"body":${verdict.json()}}`);
  return succeed(`{"statusCode":429,"headers":{"retry-after":${verdict.reset}},"body":${verdict.json()}}`);
}

function answerCaller(args: Value): i32 {
  if (!args.isObject) return fail("the arguments must be a map with key, limit and window");
  const key = args.get("key");
  if (!key.isString) return fail("key must be a string");

  const use = new Use(key.string(), args.get("limit").raw(LIMIT), args.get("window").raw(WINDOW));
  if (use.complaint != "") return fail(use.complaint);
  return succeed(use.take().json());
}

// What is asked for, checked.
class Use {
  limit: i64 = 0; // 1 to 1,000,000 permits
  window: i64 = 0; // 1 to 86,400 seconds
  complaint: string = ""; // what is wrong with it; empty when nothing is

  constructor(public key: string, limit: string, window: string) {
    this.limit = this.integer("limit", limit, 1_000_000);
    this.window = this.integer("window", window, 86_400);
    // What the store takes as a key, with room for the window before it.
    if (key.length < 1 || key.length > 150) {
      this.complaint = `key must have between 1 and 150 characters, got ${key.length}`;
    }
    for (let i = 0; i < key.length; i++) {
      const c = key.charCodeAt(i);
      if (c < 0x20 || (c >= 0x7f && c < 0xa0)) this.complaint = "key must not contain control characters";
    }
  }

  private integer(name: string, text: string, most: i64): i64 {
    let value: i64 = 0;
    for (let i = 0; i < text.length && value <= most; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : most + 1;
    }
    if (value < 1 || value > most) {
      this.complaint = `${name} must be an integer between 1 and ${most}, got ${text}`;
    }
    return value;
  }

  // Takes a permit. Those taken are counted in the collection "permits" under a key for
  // each window, which is forgotten when the window has passed.
  take(): Verdict {
    const time = now();
    const key = `${this.window}/${time / this.window}/${this.key}`;
    setIfAbsent("permits", key, 0, this.window * 1000);
    const taken = incr("permits", key, 1);
    if (taken == this.limit + 1) {
      log("warn", `${this.key} has used up its permits: ${this.limit} in ${this.window} s`);
    }
    return new Verdict(taken <= this.limit, this.limit, max(this.limit - taken, 0), this.window - time % this.window);
  }
}

class Verdict {
  constructor(
    public allowed: bool,
    public limit: i64,
    public remaining: i64, // permits
    public reset: i64, // seconds until the permits are renewed
  ) {}

  json(): string {
    return `{"allowed":${this.allowed},"limit":${this.limit},"remaining":${this.remaining},"reset":${this.reset}}`;
  }
}
