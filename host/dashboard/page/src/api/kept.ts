// What a tab keeps of the work of whoever is logged in: it outlives a reload, and a session that ends by itself. Nobody who
// logs in after is shown it, and logging out removes it.
import { keptPrefix, session } from './session.svelte';

const keyOf = (name: string) => `${keptPrefix}${session.me?.user_id ?? ''}.${name}`;

/** Returns what is kept by a name, if anything is. */
export function recall<Value>(name: string): Value | undefined {
  const text = sessionStorage.getItem(keyOf(name));
  return text ? JSON.parse(text) : undefined;
}

/** Keeps a value by a name; undefined: nothing any more. What is too large is not kept. */
export function keep(name: string, value: unknown) {
  if (!session.me) return;
  try {
    if (value === undefined) sessionStorage.removeItem(keyOf(name));
    else sessionStorage.setItem(keyOf(name), JSON.stringify(value));
  } catch {
    sessionStorage.removeItem(keyOf(name)); // and what was kept before is out of date
  }
}

/** Returns the names, with a beginning, by which something is kept. */
export function namesOf(beginning: string): string[] {
  const whole = keyOf(beginning);
  return Object.keys(sessionStorage)
    .filter((key) => key.startsWith(whole))
    .map((key) => key.slice(keyOf('').length));
}
