export default {
  fetch(request) {
    if (new URL(request.url).pathname !== "/hello") {
      return new Response("not found", { status: 404 });
    }
    return Response.json({ message: "Hello, world!" });
  },
};
