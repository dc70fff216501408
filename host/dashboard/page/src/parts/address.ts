import { searchParams } from 'sv-router';
import { onDestroy } from 'svelte';

import { navigate, route } from '$/router';

let changing = 0; // what the address says after its question mark, by as many
let stepped = false; // so Back or Forward did

addEventListener(
  'popstate',
  () => {
    stepped = location.pathname === route.pathname;
    setTimeout(() => (stepped = false));
  },
  { capture: true },
);

/** Reports whether what leads away from a screen now leads to the same, with something else after the question mark. */
export function staysOnScreen(): boolean {
  return changing > 0 || stepped;
}

/**
 * Changes what the address says after its question mark: an empty value is left out. It is one step for the back
 * button, or none, as for what is being typed.
 */
export function setQuery(changes: Record<string, string | undefined>, { replace = false } = {}) {
  const query = searchParams.toURLSearchParams();
  const before = query.toString();
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  if (query.toString() === before) return;
  changing++;
  void navigate(route.pathname as '/', { search: query.toString(), replace, scrollToTop: false }).finally(() => changing--);
}

const pause = 300; // milliseconds without a key

/** Returns what changes the address by what is typed, a moment after the last key. It belongs to a component. */
export function queryTyped(): (changes: Record<string, string>) => void {
  let typed: Record<string, string> = {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  onDestroy(() => clearTimeout(timer));
  return (changes) => {
    Object.assign(typed, changes);
    clearTimeout(timer);
    timer = setTimeout(() => {
      setQuery(typed, { replace: true });
      typed = {};
    }, pause);
  };
}

/** Returns an address with a query: what is empty is left out. */
export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const said = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}
