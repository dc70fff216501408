import { say } from './toasts.svelte';

const pause = 10_000; // as long as the toast with its "Undo" stays

const waiting = new Set<() => Promise<void>>();

/** Does what waits, as it was said to be done: before somebody logs out, and when the page is closed. */
export async function settle(): Promise<void> {
  await Promise.all([...waiting].map((now) => now()));
}

addEventListener('pagehide', () => void settle());

/**
 * Says that something is done, and does it in a moment, unless that is undone before: so nothing has happened. A request
 * of act has `keepalive`, as it may be the last of the page; act says itself what goes wrong.
 */
export function later(text: string, { act, undo }: { act: () => Promise<void>; undo: () => void }) {
  const now = async () => {
    clearTimeout(timer);
    if (waiting.delete(now)) await act();
  };
  const timer = setTimeout(now, pause);
  waiting.add(now);
  say(text, () => {
    clearTimeout(timer);
    if (waiting.delete(now)) undo();
  });
}
