import { getContext, setContext } from 'svelte';

import { api, ask } from '$/api/client';
import { route } from '$/router';
import type { AppContext } from '$/shell/app.svelte';

import { Work } from './work.svelte';

/** What an app keeps. */
export type Kind = 'kv' | 'docs' | 'files';

/** How many items a listing asks for at once. */
export const pageSize = 200;

/** A collection as the navigation shows it. */
export interface Collection {
  name: string;
  count: number;
  /** There are more than the count. */
  more: boolean;
}

/** What the screens of an app's data share. */
export class DataContext {
  /** How often something was added or deleted: what is counted is counted anew. */
  changes = $state(0);
  /** What takes long, and is shown in a dialog: an import, a deletion of many. */
  readonly work = new Work();
  /** Where the dialog for something new makes it, if it is open: in the collection that is shown, or in another. */
  making = $state<'here' | 'elsewhere'>();

  /** How the item is called that is shown, where its name in the address says little. */
  called = $state<string>();

  constructor(readonly app: AppContext) {}

  get kind(): Kind {
    const kind = route.pathname.split('/')[4];
    return kind === 'docs' || kind === 'files' ? kind : 'kv';
  }

  /** The collection that is shown, "" for none. */
  get collection(): string {
    return route.params.collection ?? '';
  }

  /** May write and delete. */
  get writes(): boolean {
    return this.app.may('data.write');
  }

  /** Returns the address of a screen: of a kind, a collection, an item. */
  href(kind: Kind, ...names: string[]): string {
    return [this.app.path, 'data', kind, ...names.map(encodeURIComponent)].join('/');
  }

  changed = () => void this.changes++;

  /** Returns the collections of a kind, a page of them. */
  async collections(kind: Kind, cursor: string | undefined, signal: AbortSignal): Promise<{ items: Collection[]; cursor?: string }> {
    const params = { path: { app: this.app.slug }, query: { limit: 500, cursor } };
    if (kind === 'kv') {
      const page = await ask(api.GET('/api/v1/admin/apps/{app}/kv', { params, signal }));
      return { cursor: page.cursor, items: (page.items ?? []).map((c) => ({ name: c.name, count: c.entries, more: c.entries >= 1000 })) };
    }
    if (kind === 'docs') {
      const page = await ask(api.GET('/api/v1/admin/apps/{app}/docs', { params, signal }));
      return { cursor: page.cursor, items: (page.items ?? []).map((c) => ({ name: c.name, count: c.documents, more: false })) };
    }
    const page = await ask(api.GET('/api/v1/admin/apps/{app}/files', { params, signal }));
    return { cursor: page.cursor, items: (page.items ?? []).map((c) => ({ name: c.name, count: c.files, more: false })) };
  }
}

const context = Symbol('data');

export function provideData(app: AppContext): DataContext {
  return setContext(context, new DataContext(app));
}

/** Returns what the screens below /apps/:app/data share. */
export function useData(): DataContext {
  return getContext<DataContext>(context);
}

const every = 10_000; // milliseconds

/** Has a listing that is whole in one page show what others change, unless somebody works with its rows. */
export function refresh(listing: { items: unknown[]; more: boolean; loading: boolean; reload: () => void }, busy: () => boolean) {
  $effect(() => {
    const timer = setInterval(() => {
      if (!document.hidden && !listing.loading && !listing.more && listing.items.length <= pageSize && !busy()) listing.reload();
    }, every);
    return () => clearInterval(timer);
  });
}
