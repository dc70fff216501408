import { LosslessNumber, isLosslessNumber, parse as parseJSON, stringify } from 'lossless-json';

import { ask } from '$/api/client';

// Data keeps integers of 64 bits, and tells 1.0 from 1. JavaScript's own JSON would change both, and a document that is
// opened and saved would be another.

/** Reads JSON. A number that JavaScript would write in another way stays as it is written. */
export function parse(text: string): unknown {
  return parseJSON(text, null, (digits) => (String(Number(digits)) === digits ? Number(digits) : new LosslessNumber(digits)));
}

/** Writes what parse has read, on one line or, with an indent, on many. */
export function write(value: unknown, indent?: number): string {
  return stringify(value, undefined, indent) ?? 'null';
}

/** Asks as [ask] does, for an answer that is read exactly: the request has `parseAs: 'text'`. */
export async function askExact<Data>(request: Promise<{ data?: string; error?: unknown; response: Response }>): Promise<Data> {
  return parse(await ask(request)) as Data;
}

/** Has a request send its body exactly: `api.PUT(path, {params, body, ...exactly})`. */
export const exactly = { bodySerializer: (body: unknown) => write(body) };

/** Reports whether a value is a map, not an array or one of the numbers. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

/** Returns a value in a few words, as a cell shows it. */
export function brief(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value.slice(0, most);
  return write(value).slice(0, most);
}

const most = 240;
