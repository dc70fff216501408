import { untrack } from 'svelte';

import { api, ask, type Schemas } from '$/api/client';

/** When a schedule fires, asked of the server a moment after it was last changed. */
export class Preview {
  data = $state.raw<Schemas['SchedulePreviewed']>();
  error = $state.raw<unknown>();
  timezone = $state('UTC');

  constructor(app: string, read: () => { schedule: string; timezone: string }) {
    let first = true;
    const schedule = $derived(read().schedule);
    const timezone = $derived(read().timezone);
    $effect(() => {
      if (!schedule.trim()) {
        this.data = this.error = undefined;
        return;
      }
      const abort = new AbortController();
      const body = { schedule, timezone };
      const timer = setTimeout(() => void this.#ask(app, body, abort.signal), first ? 0 : 300);
      untrack(() => (first = false));
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  async #ask(app: string, body: { schedule: string; timezone: string }, signal: AbortSignal) {
    try {
      this.data = await ask(api.POST('/api/v1/admin/apps/{app}/triggers:preview', { params: { path: { app } }, body, signal }));
      this.timezone = body.timezone || 'UTC';
      this.error = undefined;
    } catch (thrown) {
      if (!signal.aborted) {
        this.error = thrown;
        this.data = undefined;
      }
    }
  }
}

/** Returns the time of a zone's clock, in minutes of the day, and its date: "2026-11-29". */
export function clockIn(timezone: string, at: Date): { date: string; minute: number } {
  try {
    const parts = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(at);
    const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
    return { date: `${part('year')}-${part('month')}-${part('day')}`, minute: Number(part('hour')) * 60 + Number(part('minute')) };
  } catch {
    return { date: '', minute: 0 }; // a zone that the browser does not know
  }
}

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });

/** Says a time as the clock of its own zone has it, as in "Sun 29 Nov, 02:30". */
export function wallTime(rfc3339: string): string {
  const clock = rfc3339.slice(11, 19);
  return `${day.format(new Date(`${rfc3339.slice(0, 19)}Z`))}, ${clock.endsWith(':00') ? clock.slice(0, 5) : clock}`;
}
