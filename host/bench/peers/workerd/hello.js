export default {
  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/hello":
        return Response.json({ message: "Hello, world!" });
      case "/give":
        return new Response("x".repeat(Number(url.searchParams.get("size"))));
      case "/take":
        return new Response(String((await request.text()).length));
      default:
        return new Response("not found", { status: 404 });
    }
  },
};
