/** What is different at a path of two values of JSON. undefined: it is not there. */
export interface Change {
  path: string;
  before: unknown;
  after: unknown;
}

/** Returns where two values differ, down to what is no object. */
export function changesOf(before: unknown, after: unknown, path = ''): Change[] {
  if (same(before, after)) return [];
  const [a, b] = [fieldsOf(before), fieldsOf(after)];
  if (!a && !b) return [{ path, before, after }];
  if ((!a && before != null) || (!b && after != null)) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])];
  return names.flatMap((name) => changesOf(a?.[name], b?.[name], path ? `${path}.${name}` : name));
}

function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length ? (value as Record<string, unknown>) : undefined;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Writes a value of JSON on few lines. */
export function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
