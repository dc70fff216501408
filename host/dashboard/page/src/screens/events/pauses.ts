import { api, ask } from '$/api/client';
import { wordsOf } from '$/api/problem';
import { complain, say } from '$/parts/toasts.svelte';

import type { Trigger } from './kinds';

/** Has the events of a trigger wait, or wait no longer, which can be undone. changed is called after either. */
export async function setPaused(trigger: Trigger, paused: boolean, changed: () => void) {
  const params = { path: { id: trigger.id } };
  try {
    await ask(paused ? api.POST('/api/v1/admin/triggers/{id}:pause', { params }) : api.POST('/api/v1/admin/triggers/{id}:resume', { params }));
    say(paused ? `${trigger.name} is paused: its events wait` : `${trigger.name} goes on`, () => void setPaused(trigger, !paused, changed));
  } catch (thrown) {
    complain(wordsOf(thrown));
  }
  changed();
}
