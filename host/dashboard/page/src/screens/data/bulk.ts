import { each } from '$/api/many';
import { isStatus, wordsOf } from '$/api/problem';
import { confirm } from '$/parts/confirm.svelte';
import { number } from '$/parts/sizes';
import { say } from '$/parts/toasts.svelte';

import type { DataContext } from './data.svelte';

/** What is deleted, by what one and many of it are called. */
export interface Words {
  one: string;
  many: string;
}

/**
 * Deletes many items after a confirmation that says how many they are: those that find collects, or those that are given.
 * Only what was counted is deleted, not what is added meanwhile.
 */
export async function removeMany(data: DataContext, words: Words, where: string, find: string[] | ((signal: AbortSignal, found: (n: number) => void) => Promise<string[]>), drop: (id: string) => Promise<unknown>): Promise<boolean> {
  const { work } = data;
  let ids: string[] = [];
  if (Array.isArray(find)) {
    ids = find;
  } else {
    const counted = await work.run(`Counting ${words.many}`, words.many, async (signal) => {
      ids = await find(signal, (n) => (work.done = n));
    });
    if (!counted) {
      if (!work.error) work.shown = false; // it was stopped
      return false;
    }
    if (!ids.length) {
      say(`There are no ${words.many} ${where}`);
      return false;
    }
  }
  const count = `${number(ids.length)} ${ids.length === 1 ? words.one : words.many}`;
  const question = {
    title: `Delete ${count}?`,
    text: `${ids.length === 1 ? 'It is' : 'They are'} ${where} and cannot be brought back. Triggers on the collection see each deletion.`,
    action: `Delete ${count}`,
    type: ids.length > 1000 ? String(ids.length) : undefined,
  };
  if (!(await confirm(question))) return false;
  const went = await work.run(`Deleting ${count}`, words.many, async (signal) => {
    work.total = ids.length;
    await each(ids, signal, async (id) => {
      try {
        await drop(id);
      } catch (thrown) {
        if (!isStatus(thrown, 404)) throw new Error(`${id}: ${wordsOf(thrown)}`); // else somebody was quicker
      }
      work.done++;
    });
  });
  if (went) say(`${count} deleted`);
  data.changed();
  return true;
}
