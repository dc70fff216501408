import { DurableObject } from "cloudflare:workers";

const documents = 10_000;
const keys = 32;
const id = (number) => "doc" + String(number).padStart(12, "0");

// App is an app's data. An answer leaves when what was written before is confirmed: that is the
// object's output gate.
export class App extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.storage = state.storage;
    this.sql = state.storage.sql;
    state.blockConcurrencyWhile(() => this.fill());
  }

  async fill() {
    this.sql.exec(`CREATE TABLE IF NOT EXISTS docs (id TEXT PRIMARY KEY, collection TEXT, version INTEGER,
      created_at INTEGER, updated_at INTEGER, number INTEGER, name TEXT, city TEXT, at TEXT) WITHOUT ROWID`);
    this.sql.exec("CREATE INDEX IF NOT EXISTS docs_number ON docs (collection, number)");
    if (this.sql.exec("SELECT count(*) AS n FROM docs").one().n > 0) return;
    this.storage.transactionSync(() => {
      for (let number = 0; number < documents; number++) this.create("bench", id(number), number);
    });
    for (let i = 0; i < keys; i++) await this.storage.put("key" + i, { n: 0 });
  }

  create(collection, id, number) {
    const now = Date.now();
    this.sql.exec("INSERT INTO docs VALUES (?, ?, 1, ?, ?, ?, 'document', 'Bern', ?)", id, collection, now, now, number, crypto.randomUUID());
  }

  async fetch(request) {
    const url = new URL(request.url), q = url.searchParams;
    switch (url.pathname) {
      case "/kv_get":
        if (typeof (await this.storage.get(q.get("key"))).n !== "number") throw new Error("another value");
        break;
      case "/kv_set":
        this.storage.put(q.get("key"), { n: Number(q.get("first")), at: crypto.randomUUID() });
        break;
      case "/docs_create":
        this.create("new", crypto.randomUUID(), Number(q.get("first")));
        break;
      case "/docs_get":
        if (this.sql.exec("SELECT * FROM docs WHERE id = ? AND collection = 'bench'", q.get("doc")).one().number !== 4711) throw new Error("another document");
        break;
      case "/docs_find":
        if (this.sql.exec("SELECT * FROM docs WHERE collection = 'bench' AND number = ? ORDER BY id LIMIT 101", 4711).one().number !== 4711) throw new Error("another document");
        break;
      default:
        return new Response("not found", { status: 404 });
    }
    return new Response("done");
  }
}

export default {
  fetch: (request, env) => env.APP.get(env.APP.idFromName("bench")).fetch(request),
};
