routerAdd("GET", "/hello", (e) => e.json(200, { message: "Hello, world!" }))
