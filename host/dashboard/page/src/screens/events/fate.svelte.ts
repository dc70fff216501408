import { api, ask } from '$/api/client';
import { isStatus } from '$/api/problem';

import type { DeadLetter, Event } from './kinds';

const words = { waiting: 'Waiting', running: 'Running', retrying: 'Failed, to be tried again' };

/** Finds the dead letter that an event has become; undefined: it was delivered, or deleted. */
export async function letterOf(app: string, event: string, trigger?: string, signal?: AbortSignal): Promise<DeadLetter | undefined> {
  const query = { limit: 200, trigger };
  const { items } = await ask(api.GET('/api/v1/admin/apps/{app}/dead-letters', { params: { path: { app }, query }, signal }));
  return items.find((letter) => letter.event_id === event);
}

/** What becomes of an event, asked every second until it is over. */
export class Fate {
  event = $state.raw<Event>();
  letter = $state.raw<DeadLetter>();
  over = $state(false);
  /** What has become of it could not be asked. */
  unsure = $state(false);

  constructor(id: () => string | undefined, of: () => { app: string; trigger?: string }) {
    const event = $derived(id());
    const app = $derived(of().app);
    const trigger = $derived(of().trigger);
    $effect(() => {
      this.event = this.letter = undefined;
      this.over = this.unsure = false;
      const id = event;
      if (!id) return;
      const { signal, abort } = aborting();
      let timer: ReturnType<typeof setTimeout>;
      const again = async () => {
        try {
          this.event = await ask(api.GET('/api/v1/admin/events/{id}', { params: { path: { id } }, signal }));
        } catch (thrown) {
          if (signal.aborted) return;
          if (isStatus(thrown, 404)) {
            try {
              this.letter = await letterOf(app, id, trigger, signal);
            } catch {
              this.unsure = true;
            }
            if (!signal.aborted) this.over = true;
            return;
          }
          if (isStatus(thrown, 403)) return;
        }
        if (!signal.aborted) timer = setTimeout(again, 1000);
      };
      void again();
      return () => {
        abort();
        clearTimeout(timer);
      };
    });
  }

  get word(): string {
    if (this.letter) return 'It is a dead letter';
    if (this.over) return this.unsure ? 'It is over' : 'Delivered';
    return this.event ? words[this.event.state] : 'Made';
  }

  get tone(): string {
    if (this.letter) return 'bad';
    if (this.over) return 'good';
    return this.event?.state === 'retrying' ? 'warn' : 'accent';
  }

  get error(): string | undefined {
    return this.letter?.error || (this.over ? undefined : this.event?.last_error);
  }
}

function aborting() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
