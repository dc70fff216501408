import { api, ask } from '$/api/client';
import { wordsOf } from '$/api/problem';
import { confirm } from '$/parts/confirm.svelte';
import { number } from '$/parts/sizes';
import { complain, say } from '$/parts/toasts.svelte';

import type { Schemas } from '$/api/client';

export type Queue = Schemas['Queue'];

/** Removes the messages of a topic, after asking with their number. */
export async function purge(app: string, queue: Queue, changed: () => void) {
  const n = queue.waiting;
  const question = {
    title: `Purge the queue ${queue.topic}?`,
    text: `${number(n)} ${n === 1 ? 'message waits' : 'messages wait'}, and will not be delivered. They cannot be brought back.`,
    action: `Delete ${number(n)} ${n === 1 ? 'message' : 'messages'}`,
    type: n >= 100 ? queue.topic : undefined,
  };
  if (!(await confirm(question))) return;
  try {
    const { removed } = await ask(api.DELETE('/api/v1/admin/apps/{app}/queues/{topic}/messages', { params: { path: { app, topic: queue.topic } } }));
    say(`${number(removed)} ${removed === 1 ? 'message is' : 'messages are'} deleted`);
  } catch (thrown) {
    complain(wordsOf(thrown));
  }
  changed();
}
