// Requests that are many: all pages of a listing, or something with each of many items.

/** A page of a listing. */
export interface Page<Item> {
  items: Item[] | null;
  cursor?: string;
}

/** Goes through all pages of a listing. */
export async function* pages<Item>(signal: AbortSignal, fetcher: (cursor: string | undefined) => Promise<Page<Item>>): AsyncGenerator<Item[]> {
  let cursor: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await fetcher(cursor);
    yield page.items ?? [];
    cursor = page.cursor;
  } while (cursor);
}

/** Returns the items of all pages of a listing. */
export async function all<Item>(signal: AbortSignal, fetcher: (cursor: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const items of pages(signal, fetcher)) found.push(...items);
  return found;
}

const atOnce = 6; // requests; a browser makes no more to one server

/** Does something with each item, several at a time, and stops at the first that fails. */
export async function each<Item>(items: Item[], signal: AbortSignal, act: (item: Item) => Promise<unknown>): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < items.length && !failed) {
      signal.throwIfAborted();
      const item = items[next++]!;
      try {
        await act(item);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const done of lanes) if (done.status === 'rejected') throw done.reason;
}
