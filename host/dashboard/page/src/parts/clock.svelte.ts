/** What time it is, to within ten seconds: what is relative to now is shown anew. */
export const clock = $state({ now: Date.now() });

setInterval(() => {
  if (!document.hidden) clock.now = Date.now();
}, 10_000);

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const exactly = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** Says how long ago, or how far ahead, a time is. */
export function ago(time: Date, now = clock.now): string {
  const seconds = (time.getTime() - now) / 1000;
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 10 ? 'in a moment' : 'just now';
}

/** Says a time to the second, in the place of who reads it. */
export function exact(time: Date): string {
  return exactly.format(time);
}

/** Writes a time that was typed, or stands in an address, as the API has it; undefined: it is none. */
export function isoOf(text: string): string | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** Writes a time as a field for one has it, in the place of who reads it: "2026-11-29T03:00". length has seconds at 19. */
export function fieldTime(at: string | undefined, length = 16): string {
  const time = new Date(at ?? '');
  return Number.isNaN(time.getTime()) ? '' : new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, length);
}
