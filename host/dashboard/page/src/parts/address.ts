import { searchParams } from 'sv-router';

/**
 * Changes what the address says after its question mark: an empty value is left out. It is one step for the back
 * button, or none, as for what is being typed.
 */
export function setQuery(changes: Record<string, string | undefined>, { replace = false } = {}) {
  for (const [name, value] of Object.entries(changes)) {
    const now = searchParams.toURLSearchParams().get(name) ?? '';
    if (now === (value ?? '')) continue;
    if (value) searchParams.set(name, value, { replace });
    else searchParams.delete(name, undefined, { replace });
    replace = true; // the rest belongs to the same step
  }
}

/** Returns an address with a query: what is empty is left out. */
export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const said = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}
