import { session } from '$/api/session.svelte';

import { dismiss, say } from './toasts.svelte';

const waiting = new Set<() => Promise<void>>();

/** Does what waits, as it was said to be done: before somebody logs out, and when the page is closed. */
export async function settle(): Promise<void> {
  await Promise.all([...waiting].map((now) => now()));
}

addEventListener('pagehide', () => void settle());

/**
 * Says that something is done, and does it when that message goes, unless it is undone before: so nothing has happened. A
 * request of act has `keepalive`, as it may be the last of the page; act says itself what goes wrong.
 * It is not done in the name of another who has logged in since. Returns the message.
 */
export function later(text: string, { act, undo }: { act: () => Promise<void>; undo: () => void }): number {
  const owner = session.me?.user_id;
  const now = async () => {
    if (!waiting.delete(now)) return;
    dismiss(toast); // it cannot be undone any more
    if (session.token && session.me?.user_id === owner) await act();
    else undo();
  };
  waiting.add(now);
  const toast = say(text, () => waiting.delete(now) && undo(), () => void now());
  return toast;
}
