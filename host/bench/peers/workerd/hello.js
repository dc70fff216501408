export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/hello":
        return Response.json({ message: "Hello, world!" });
      case "/give":
        return new Response("x".repeat(65536));
      case "/take":
        return new Response(String((await request.text()).length));
      default:
        return new Response("not found", { status: 404 });
    }
  },
};
