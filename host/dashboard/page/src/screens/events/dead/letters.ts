import { api, ask, type Schemas } from '$/api/client';
import { number } from '$/parts/sizes';

import type { DeadLetter } from '../kinds';

export type Filter = Schemas['DeadLetterFilter'];
export type Resolution = NonNullable<DeadLetter['resolution']>;

export const resolutions: Record<Resolution, { word: string; tone: string }> = {
  replayed: { word: 'Replayed', tone: 'good' },
  ignored: { word: 'Ignored', tone: '' },
  handled_by_script: { word: 'Handled', tone: 'good' },
  handler_failed: { word: 'Handler failed', tone: 'bad' },
};

const counted = 10_000;

/** Counts the dead letters that match, up to 10,000, and tells which is the newest. */
export async function count(app: string, filter: Filter): Promise<{ n: number; more: boolean; newest?: string }> {
  let n = 0;
  let newest: string | undefined;
  let cursor: string | undefined;
  do {
    const query = { limit: 1000, cursor, source: filter.source, trigger: filter.trigger, script: filter.script, unresolved: !filter.resolved };
    const page = await ask(api.GET('/api/v1/admin/apps/{app}/dead-letters', { params: { path: { app }, query } }));
    n += page.items.length;
    newest ??= page.items[0]?.id;
    cursor = page.cursor;
  } while (cursor && n < counted);
  return { n, more: !!cursor, newest };
}

/** Says a count: "1 dead letter", "10,000 or more dead letters". */
export function letters(n: number, more = false): string {
  return `${number(n)}${more ? ' or more' : ''} dead ${n === 1 ? 'letter' : 'letters'}`;
}
