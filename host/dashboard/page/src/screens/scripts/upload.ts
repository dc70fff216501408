/** What a request has that brings the module of a plugin as its body. The types of the API have it as a text. */
export async function uploadBody(chosen: globalThis.File) {
  const content = await chosen.arrayBuffer();
  return {
    body: content as unknown as string,
    bodySerializer: (body: unknown) => body as ArrayBuffer,
    headers: { 'Content-Type': 'application/wasm' },
  };
}
