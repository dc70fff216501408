import { untrack } from 'svelte';
import { on } from 'svelte/events';

import type { Page } from './many';
import { mayPass } from './problem';
import { reach } from './reach.svelte';

/** Returns how long to wait before what failed is tried again, for the so manieth time. */
const pauseAfter = (failures: number) => Math.min(2000 * 2 ** (failures - 1), 60_000);

/**
 * Calls begin for as long as a component lives: at first and when what it reads changes, which other tells before, and when
 * the server is back. Returns what calls it once more.
 */
function keepLoaded(begin: () => void, end: () => void, other: () => void): () => void {
  let lives = false;
  let returns = untrack(() => reach.returns);
  const again = () => untrack(() => lives && begin());
  $effect(() => {
    lives = true;
    other();
    begin();
    return () => {
      lives = false;
      end();
    };
  });
  $effect(() => {
    if (reach.returns === returns) return;
    returns = reach.returns;
    again();
  });
  return again;
}

/** What is being loaded, was, or could not be. */
export class Loaded<Data> {
  data = $state.raw<Data>();
  error = $state.raw<unknown>();
  loading = $state(true);

  /** Loads it again. What there is stays until then. */
  readonly reload: () => void;

  constructor(fetcher: (signal: AbortSignal) => Promise<Data>, every?: number) {
    let other = false; // data is of what the fetcher read before
    let due = false; // it was to be loaded when nobody looked
    let abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0; // since it went well

    const get = async () => {
      due = false;
      let pause = every;
      const { signal } = abort;
      try {
        const data = await fetcher(signal);
        if (signal.aborted) return;
        this.data = data;
        this.error = undefined;
        other = false;
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        if (other) this.data = undefined;
        this.error = thrown;
        if (mayPass(thrown)) pause ??= pauseAfter(++failures);
      }
      this.loading = false;
      if (pause) timer = setTimeout(() => (document.hidden ? (due = true) : void get()), pause);
    };
    const end = () => {
      abort.abort();
      clearTimeout(timer);
    };
    const begin = () => {
      end();
      abort = new AbortController();
      this.loading = true;
      void get();
    };
    this.reload = keepLoaded(begin, end, () => (other = true));
    $effect(() => on(document, 'visibilitychange', () => due && !document.hidden && void get()));
  }
}

/**
 * Loads something for as long as a component lives, and anew when what the fetcher reads changes, as the
 * parameters of the address. `every` has it loaded again and again, that many milliseconds after each other.
 */
export function load<Data>(fetcher: (signal: AbortSignal) => Promise<Data>, every?: number): Loaded<Data> {
  return new Loaded(fetcher, every);
}

/** A listing of the API, which comes in pages. */
export class Listing<Item> {
  items = $state.raw<Item[]>([]);
  error = $state.raw<unknown>();
  loading = $state(true);
  /** There is more than the items. */
  more = $state(false);

  /** Loads from the beginning, as far as it was loaded before. What there is stays until then. */
  readonly reload: () => void;

  #cursor: string | undefined; // of the page after the items
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0; // since a page has come
  #other = false; // the items are of what the fetcher read before
  #fetcher;

  constructor(fetcher: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>) {
    this.#fetcher = fetcher;
    const end = () => {
      this.#abort.abort();
      clearTimeout(this.#timer);
    };
    const begin = () => {
      end();
      this.#abort = new AbortController();
      void this.#load([], undefined, this.#other ? 0 : untrack(() => this.items.length));
    };
    this.reload = keepLoaded(begin, end, () => (this.#other = true));
  }

  /** Loads the next page, if there is one that is not on its way and was not refused. */
  next = () => {
    if (this.more && !this.loading && this.error === undefined) void this.#load(this.items, this.#cursor);
  };

  /** Loads what comes after some items: one page, or as many as it takes to have so many items. */
  async #load(items: Item[], cursor: string | undefined, least = 0) {
    const { signal } = this.#abort;
    clearTimeout(this.#timer); // it is tried again already
    this.loading = true;
    try {
      do {
        const page = await this.#fetcher(cursor, signal);
        if (signal.aborted) return;
        items = [...items, ...(page.items ?? [])];
        cursor = page.cursor;
      } while (cursor && items.length < least);
      this.items = items;
      this.#cursor = cursor;
      this.more = !!cursor;
      this.error = undefined;
      this.#other = false;
      this.#failures = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      if (this.#other) [this.items, this.more] = [[], false];
      this.error = thrown;
      if (mayPass(thrown)) this.#timer = setTimeout(() => void this.#load(items, cursor, least), pauseAfter(++this.#failures));
    }
    this.loading = false;
  }
}

/** Makes a listing that lives as long as a component, and begins anew when what the fetcher reads changes. */
export function list<Item>(
  fetcher: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
): Listing<Item> {
  return new Listing(fetcher);
}
