/** Returns the command that makes a request to the API. The token is a variable, so that nobody pastes one. A body is JSON. */
export function curl(method: string, path: string, body?: string): string {
  const words = ['curl', ...(method === 'GET' ? [] : ['-X', method]), quote(location.origin + path), '-H', '"Authorization: Bearer $PICLOUD_TOKEN"'];
  if (body !== undefined) words.push('-H', quote('Content-Type: application/json'), '-d', quote(body));
  return words.join(' ');
}

/** Returns the command that makes a request to an app. The address has what the app's author likes: all of it is one word of a shell. */
export function curlOf(method: string, address: string): string {
  return ['curl', '-X', word(method), quote(new URL(address).href.replaceAll("'", '%27'))].join(' ');
}

/** Writes a text as one word of a shell, as it is where it needs no quotes. */
export function word(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : quote(text);
}

/** Writes a text as one word of a shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
