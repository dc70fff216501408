import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

import { wordsOf } from '$/api/problem';

import { later } from './later';
import { complain, undo } from './toasts.svelte';

/** Items that are deleted: at once to the eye, and on the server when it can no longer be undone. By their addresses. */
const gone = new SvelteMap<string, 'soon' | 'done'>();
const messages = new Map<string, number>(); // of those that can be brought back

/** Returns the items that are not deleted. pathOf returns the address of the screen of one. */
export function present<Item>(items: Item[], pathOf: (item: Item) => string): Item[] {
  return gone.size ? items.filter((item) => !untrack(() => gone.has(pathOf(item)))) : items;
}

/** Forgets items that the server has deleted, as what is listed from then on has them no more. */
export function forgetGone() {
  for (const [path, state] of gone) if (state === 'done') gone.delete(path);
}

/** Deletes an item, with some time to undo that: until then it is what it was, and a route answers. path is the address of its screen. */
export function remove(path: string, text: string, request: () => Promise<unknown>, deleted: () => void) {
  gone.set(path, 'soon');
  const message = later(`${text} in a moment`, {
    async act() {
      messages.delete(path);
      try {
        await request();
        gone.set(path, 'done');
        deleted();
      } catch (thrown) {
        gone.delete(path);
        complain(wordsOf(thrown));
      }
    },
    undo() {
      messages.delete(path);
      gone.delete(path);
    },
  });
  messages.set(path, message);
}

/** Brings an item back that is about to be deleted, as somebody has opened it and saves it: else that would go, too. */
export function bringBack(path: string) {
  const message = messages.get(path);
  if (message !== undefined) undo(message);
}
