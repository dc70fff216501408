/** Returns a text as an editor has it, which ends all lines alike: a script that was uploaded may end them by CR and LF. */
export function unixEnds(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}
