import { api, ask } from '$/api/client';
import { wordsOf } from '$/api/problem';
import { confirm } from '$/parts/confirm.svelte';
import { complain, say } from '$/parts/toasts.svelte';

import { sources, type Event } from './kinds';

export const stateWords: Record<Event['state'], string> = { waiting: 'Waiting', running: 'Running', retrying: 'Retrying' };
export const stateTone: Record<Event['state'], string> = { waiting: '', running: 'accent', retrying: 'warn' };

/** Has an event delivered now, whatever its pause. */
export async function retryEvent(event: Event, changed: () => void) {
  try {
    await ask(api.POST('/api/v1/admin/events/{id}:retry', { params: { path: { id: event.id } } }));
    say('It is due now');
  } catch (thrown) {
    complain(wordsOf(thrown));
  }
  changed();
}

/** Deletes an event, after asking. Reports whether it is gone. */
export async function removeEvent(event: Event, changed: () => void): Promise<boolean> {
  const question = {
    title: `Delete the event …${event.id.slice(-10)}?`,
    text: `It came of ${sources[event.source].title.toLowerCase()}${event.topic ? ` ${event.topic}` : ''} and will not be delivered. What caused it stays as it is.`,
    action: 'Delete event',
  };
  if (!(await confirm(question))) return false;
  let gone = false;
  try {
    await ask(api.DELETE('/api/v1/admin/events/{id}', { params: { path: { id: event.id } } }));
    say('The event is deleted');
    gone = true;
  } catch (thrown) {
    complain(wordsOf(thrown));
  }
  changed();
  return gone;
}
