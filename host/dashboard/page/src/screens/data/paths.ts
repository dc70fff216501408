import { isMap } from './exact';

// Paths are those of filters: keys joined by dots, digits for an element of an array, and a backslash before a dot, a
// backslash, or a dollar sign at the start of a key.

const deepest = 5;

/** Returns the path to a key of what another path leads to, "" for the document. */
export function below(path: string, key: string): string {
  const escaped = key.replace(/[\\.]/g, '\\$&').replace(/^\$/, '\\$');
  return path ? `${path}.${escaped}` : escaped;
}

function keysOf(path: string): string[] {
  return path.match(/(?:\\.|[^.\\])+/g)?.map((key) => key.replace(/\\(.)/g, '$1')) ?? [];
}

/** Returns what a path leads to; undefined: nothing. Where it leads into the elements of an array, all that is there. */
export function at(value: unknown, path: string): unknown {
  return follow(value, keysOf(path));
}

function follow(value: unknown, keys: string[]): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (Array.isArray(value)) {
    if (/^\d+$/.test(key)) return follow(value[Number(key)], rest);
    const found = value.map((element) => follow(element, keys)).filter((element) => element !== undefined);
    return found.length ? found : undefined;
  }
  return isMap(value) && Object.hasOwn(value, key) ? follow(value[key], rest) : undefined;
}

/** A path that documents have. */
export interface Seen {
  path: string;
  /** How many of the documents have it. */
  times: number;
  /** What it leads to is a text, a number or the like: not a map, an array, or many. */
  plain: boolean;
}

/** Returns the paths that documents have, those first that most have. */
export function pathsOf(documents: unknown[]): Seen[] {
  const seen = new Map<string, Seen>();
  const visit = (value: unknown, path: string, depth: number, mine: Set<string>, inArray = false) => {
    if (Array.isArray(value)) {
      for (const element of value.slice(0, 20)) if (isMap(element)) visit(element, path, depth, mine, true);
      return;
    }
    if (!isMap(value) || depth > deepest) return;
    for (const [key, inner] of Object.entries(value)) {
      const path_ = below(path, key);
      const found = seen.get(path_) ?? { path: path_, times: 0, plain: true };
      seen.set(path_, found);
      if (!mine.has(path_)) found.times++;
      mine.add(path_);
      if (inArray || isMap(inner) || Array.isArray(inner)) found.plain = false;
      visit(inner, path_, depth + 1, mine, inArray);
    }
  };
  for (const document of documents) visit(document, '', 1, new Set());
  return [...seen.values()].sort((a, b) => b.times - a.times).slice(0, 500);
}
