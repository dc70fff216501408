/** Returns the command that makes a request to the API. The token is a variable, so that nobody pastes one. A body is JSON. */
export function curl(method: string, path: string, body?: string): string {
  const words = ['curl', ...(method === 'GET' ? [] : ['-X', method]), quote(location.origin + path), '-H', '"Authorization: Bearer $PICLOUD_TOKEN"'];
  if (body !== undefined) words.push('-H', quote('Content-Type: application/json'), '-d', quote(body));
  return words.join(' ');
}

/** Returns text as one word of a shell's command, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
