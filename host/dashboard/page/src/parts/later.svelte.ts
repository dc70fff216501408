import { say } from './toasts.svelte';

const pause = 10_000; // as long as the toast with its "Undo" stays

const waiting = new Set<() => void>();

// What waits is done when the page is closed: it was said to be done.
addEventListener('pagehide', () => {
  for (const now of [...waiting]) now();
});

/**
 * Says that something is done, and does it in a moment, unless that is undone before: so nothing has happened. A request
 * of act has `keepalive`, as it may be the last of the page.
 */
export function later(text: string, { act, undo }: { act: () => void; undo: () => void }) {
  const now = () => {
    clearTimeout(timer);
    if (waiting.delete(now)) act();
  };
  const timer = setTimeout(now, pause);
  waiting.add(now);
  say(text, () => {
    clearTimeout(timer);
    if (waiting.delete(now)) undo();
  });
}
