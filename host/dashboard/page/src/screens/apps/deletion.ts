import { api, ask, type Schemas } from '$/api/client';
import { wordsOf } from '$/api/problem';
import { confirm } from '$/parts/confirm.svelte';
import { number } from '$/parts/sizes';
import { complain, say } from '$/parts/toasts.svelte';

const kinds = [
  ['scripts', 'script'],
  ['routes', 'route'],
  ['triggers', 'trigger'],
  ['topics', 'topic'],
  ['domains', 'domain'],
  ['members', 'member'],
  ['keys', 'API key'],
  ['secrets', 'secret'],
  ['kv_entries', 'kv entry'],
  ['documents', 'document'],
  ['files', 'file'],
  ['executions', 'execution'],
  ['events', 'event'],
  ['dead_letters', 'dead letter'],
] as const;

/** The most that the server counts of a kind. */
const most = 10_000;

/** Deletes an app, after it was told how much goes with it. Reports whether it is deleted. */
export async function deleteApp({ name, slug }: Schemas['App']): Promise<boolean> {
  const params = { path: { app: slug } };
  try {
    const contents = contentsOf(await ask(api.GET('/api/v1/admin/apps/{app}:deletion', { params })));
    const question = {
      title: `Delete the app ${name}?`,
      text: contents ? `It has ${contents}. All of it goes with the app and cannot be brought back.` : 'It is empty.',
      action: 'Delete app',
      type: contents ? slug : undefined,
    };
    if (!(await confirm(question))) return false;
    await ask(api.DELETE('/api/v1/admin/apps/{app}', { params }));
    say(`The app ${name} is deleted`);
    return true;
  } catch (thrown) {
    complain(wordsOf(thrown));
    return false;
  }
}

/** Says what goes with an app, or with a script; "" for nothing. */
export function contentsOf(deletion: Partial<Record<(typeof kinds)[number][0], number>>): string {
  const parts = kinds
    .filter(([kind]) => deletion[kind])
    .map(([kind, word]) => {
      const n = deletion[kind]!;
      const words = n === 1 ? word : word.endsWith('y') && word !== 'API key' ? `${word.slice(0, -1)}ies` : `${word}s`;
      return `${n >= most ? `${number(n)} or more` : number(n)} ${words}`;
    });
  return new Intl.ListFormat('en').format(parts);
}
