// The operations on documents of the benchmark's services, one for each request.
routerAdd("GET", "/docs_get", (e) => {
  const found = e.app.findRecordById("bench", e.request.url.query().get("doc"));
  if (found.getInt("number") !== 4711) throw new Error("another document");
  return e.string(200, "done");
});
routerAdd("GET", "/docs_create", (e) => {
  const record = new Record(e.app.findCachedCollectionByNameOrId("new"), {
    number: Number(e.request.url.query().get("first")), name: "document", city: "Bern", at: "01980000-0000-7000-8000-000000000000",
  });
  e.app.save(record);
  return e.string(200, "done");
});
routerAdd("GET", "/docs_find", (e) => {
  const found = e.app.findRecordsByFilter("bench", "number = {:number}", "id", 101, 0, { number: 4711 });
  if (found.length !== 1 || found[0].getInt("number") !== 4711) throw new Error("another document");
  return e.string(200, "done");
});

// What the scale section asks for.
routerAdd("GET", "/give", (e) => e.string(200, "x".repeat(Number(e.request.url.query().get("size")))));
routerAdd("POST", "/take", (e) => e.string(200, String(toString(e.request.body).length)));
