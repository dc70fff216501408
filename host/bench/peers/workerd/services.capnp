# One worker with a SQLite-backed Durable Object on the socket "http"; the benchmark gives its address
# and the folder of its data on the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "services", worker = (
      modules = [(name = "services.js", esModule = embed "services.js")],
      compatibilityDate = "2026-11-01",
      durableObjectNamespaces = [(className = "App", uniqueKey = "bench", enableSql = true)],
      durableObjectStorage = (localDisk = "data"),
      bindings = [(name = "APP", durableObjectNamespace = "App")],
    )),
    (name = "data", disk = (path = "/nowhere", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "services")],
);
