import { untrack } from 'svelte';

import { reach } from './reach.svelte';

/** What is being loaded, was, or could not be. */
export class Loaded<Data> {
  data = $state.raw<Data>();
  error = $state.raw<unknown>();
  loading = $state(true);

  #asked = $state(0);
  #abort: AbortController | undefined;

  constructor(fetcher: (signal: AbortSignal) => Promise<Data>, every?: number) {
    $effect(() => {
      void this.#asked;
      void reach.returns;
      this.#abort?.abort();
      const abort = (this.#abort = new AbortController());
      let timer: ReturnType<typeof setTimeout> | undefined;
      const again = async () => {
        try {
          if (!document.hidden) {
            this.data = await fetcher(abort.signal);
            this.error = undefined;
          }
        } catch (thrown) {
          if (!abort.signal.aborted) this.error = thrown;
        }
        if (abort.signal.aborted) return;
        this.loading = false;
        if (every) timer = setTimeout(again, every);
      };
      untrack(() => (this.loading = true));
      void again();
      return () => {
        abort.abort();
        clearTimeout(timer);
      };
    });
  }

  /** Loads it again. What there is stays until then. */
  reload = () => void this.#asked++;
}

/**
 * Loads something for as long as a component lives, and anew when what the fetcher reads changes, as the
 * parameters of the address. `every` has it loaded again and again, that many milliseconds after each other.
 */
export function load<Data>(fetcher: (signal: AbortSignal) => Promise<Data>, every?: number): Loaded<Data> {
  return new Loaded(fetcher, every);
}

interface Page<Item> {
  items: Item[] | null;
  cursor?: string;
}

/** A listing of the API, which comes in pages. */
export class Listing<Item> {
  items = $state.raw<Item[]>([]);
  error = $state.raw<unknown>();
  loading = $state(true);
  /** There is more than the items. */
  more = $state(false);

  #asked = $state(0);
  #cursor: string | undefined;
  #abort: AbortController | undefined;
  #fetcher;

  constructor(fetcher: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>) {
    this.#fetcher = fetcher;
    $effect(() => {
      void this.#asked;
      void reach.returns;
      this.#abort?.abort();
      this.#abort = new AbortController();
      this.#cursor = undefined;
      void this.#next([]);
      return () => this.#abort?.abort();
    });
  }

  /** Loads from the beginning. */
  reload = () => void this.#asked++;

  /** Loads the next page, if there is one and it is not on its way. */
  next = () => {
    if (this.more && !this.loading) void this.#next(this.items);
  };

  async #next(before: Item[]) {
    const { signal } = this.#abort!;
    const page = this.#fetcher(this.#cursor, signal);
    untrack(() => (this.loading = true));
    try {
      const { items, cursor } = await page;
      this.items = [...before, ...(items ?? [])];
      this.#cursor = cursor;
      this.more = !!cursor;
      this.error = undefined;
    } catch (thrown) {
      if (!signal.aborted) this.error = thrown;
    }
    if (!signal.aborted) this.loading = false;
  }
}

/** Makes a listing that lives as long as a component, and begins anew when what the fetcher reads changes. */
export function list<Item>(
  fetcher: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
): Listing<Item> {
  return new Listing(fetcher);
}
