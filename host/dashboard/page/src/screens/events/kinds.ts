import Braces from '@lucide/svelte/icons/braces';
import CalendarClock from '@lucide/svelte/icons/calendar-clock';
import File from '@lucide/svelte/icons/file';
import Key from '@lucide/svelte/icons/key';
import Layers from '@lucide/svelte/icons/layers';
import MailX from '@lucide/svelte/icons/mail-x';
import Megaphone from '@lucide/svelte/icons/megaphone';
import Webhook from '@lucide/svelte/icons/webhook';
import type { Component } from 'svelte';

import type { Schemas } from '$/api/client';
import { duration } from '$/parts/durations';

export type Trigger = Schemas['Trigger'];
export type Event = Schemas['Event'];
export type DeadLetter = Schemas['DeadLetter'];

/** What a trigger waits for. */
export type Kind = Trigger['kind'];
/** What an event came of: a kind of trigger, or a request or call that nobody waits for. */
export type Source = Event['source'];

interface Named {
  title: string;
  icon: Component<{ size?: number }>;
  /** When its events are made. */
  about: string;
}

export const sources: Record<Source, Named> = {
  cron: { title: 'Schedule', icon: CalendarClock, about: 'At times: every night, every 5 minutes' },
  kv: { title: 'Key-value', icon: Key, about: 'An entry is set, deleted, or expires' },
  docs: { title: 'Documents', icon: Braces, about: 'A document is created, updated, deleted' },
  files: { title: 'Files', icon: File, about: 'A file is created, updated, deleted' },
  queue: { title: 'Queue', icon: Layers, about: 'Messages of a topic, each handled by one consumer' },
  pubsub: { title: 'Topic', icon: Megaphone, about: 'A message is published, for all who listen' },
  dead_letter: { title: 'Dead letter', icon: MailX, about: 'An event failed for the last time' },
  call: { title: 'Call', icon: Webhook, about: 'An asynchronous request, or a call of a script' },
};

/** The kinds of triggers, the most used first. */
export const kinds: Kind[] = ['cron', 'queue', 'docs', 'kv', 'files', 'pubsub', 'dead_letter'];

/** Says what a trigger waits for, in few words. */
export function describe(t: Trigger): string {
  switch (t.kind) {
    case 'cron':
      return `${t.schedule}${t.timezone && t.timezone !== 'UTC' ? ` (${t.timezone})` : ''}`;
    case 'queue':
    case 'pubsub':
      return t.topic ?? '';
    case 'dead_letter':
      return t.source ? `of ${sources[t.source].title.toLowerCase()}` : 'of anything';
    default:
      return `${t.collection}${t.operations?.length ? `: ${t.operations.join(', ')}` : ''}`;
  }
}

/** Says how a trigger is, and how that is to be shown. */
export function stateOf(t: Trigger): { word: string; tone: string; says: string } {
  if (!t.enabled) return { word: 'Disabled', tone: '', says: 'No event is made for it.' };
  if (t.stopped) return { word: 'Stopped', tone: 'bad', says: t.stopped };
  if (t.paused) return { word: 'Paused', tone: 'warn', says: 'Its events are made, and wait.' };
  return { word: 'Enabled', tone: 'good', says: 'Its events are made and delivered.' };
}

/** Returns how what an event carries begins: of a message only that. */
export function startOf(event: Pick<Event, 'payload_start' | 'payload_bytes' | 'source'>): string {
  const start = event.payload_start ?? '';
  const prefix = '{"message":';
  if (event.source !== 'queue' || !start.startsWith(prefix)) return start;
  const whole = start.length >= event.payload_bytes && start.endsWith('}');
  return start.slice(prefix.length, whole ? -1 : undefined);
}

/** Returns the pauses between the attempts of a policy, in milliseconds, without what is left to chance. */
export function pausesOf(policy: Required<Schemas['RetryPolicy']>): number[] {
  return Array.from({ length: Math.max(0, policy.max_attempts - 1) }, (_, i) => {
    const factor = policy.backoff === 'exponential' ? 2 ** i : policy.backoff === 'linear' ? i + 1 : 1;
    return Math.min(policy.base_ms * factor, policy.max_ms);
  });
}

const ofMs = (ms: number) => duration(1000 * ms);

/** Says what becomes of a delivery that fails. */
export function retryWords(policy: Required<Schemas['RetryPolicy']>): string {
  const pauses = pausesOf(policy);
  if (!pauses.length) return 'One attempt: what fails becomes a dead letter at once.';
  const shown = pauses.slice(0, 5).map(ofMs).join(', ');
  const all = pauses.reduce((sum, pause) => sum + pause, 0);
  return `${policy.max_attempts} attempts, after pauses of ${shown}${pauses.length > 5 ? ', …' : ''}; after about ${ofMs(all)} a dead letter.`;
}
