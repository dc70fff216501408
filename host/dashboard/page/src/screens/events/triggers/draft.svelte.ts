import type { Schemas } from '$/api/client';

import { parse, write } from '../../data/exact';
import type { Kind, Trigger } from '../kinds';

type Retry = Schemas['RetryPolicy'];

/** A filter that is no JSON: the form says so without asking the server. */
export class NotJSON extends Error {}

/** What is typed into the form of a trigger. A number that is left empty has the server's default. */
export class Draft {
  name = $state('');
  script = $state('');
  enabled = $state(true);

  collection = $state('');
  operations = $state<string[]>([]);
  filter = $state('');
  schedule = $state('');
  timezone = $state('UTC');
  catchUp = $state<'once' | 'skip'>('once');
  topic = $state('');
  maxBatch = $state<number | null>(null);
  maxWaitMs = $state<number | null>(null);
  ordered = $state(false);
  source = $state('');
  failedTrigger = $state('');
  failedScript = $state('');

  maxAttempts = $state<number | null>(null);
  backoff = $state<'' | NonNullable<Retry['backoff']>>('');
  baseMs = $state<number | null>(null);
  maxMs = $state<number | null>(null);
  jitter = $state<number | null>(null);
  concurrency = $state<number | null>(null);

  /** The trigger is there already; otherwise it is to be made. */
  readonly changes: boolean;
  #before: Schemas['TriggerUpdate'] = {};

  constructor(
    readonly kind: Kind,
    from?: Trigger,
  ) {
    this.changes = !!from;
    if (!from) return;
    this.name = from.name;
    this.script = from.script_id;
    this.enabled = from.enabled;
    this.collection = from.collection ?? '';
    this.operations = [...(from.operations ?? [])];
    this.filter = from.filter && Object.keys(from.filter).length ? write(from.filter, 2) : '';
    this.schedule = from.schedule ?? '';
    this.timezone = from.timezone ?? 'UTC';
    this.catchUp = from.catch_up ?? 'once';
    this.topic = from.topic ?? '';
    this.maxBatch = from.max_batch ?? null;
    this.maxWaitMs = from.max_wait_ms ?? null;
    this.ordered = from.ordered ?? false;
    this.source = from.source ?? '';
    this.failedTrigger = from.failed_trigger ?? '';
    this.failedScript = from.failed_script ?? '';
    this.maxAttempts = from.retry.max_attempts ?? null;
    this.backoff = from.retry.backoff ?? '';
    this.baseMs = from.retry.base_ms ?? null;
    this.maxMs = from.retry.max_ms ?? null;
    this.jitter = from.retry.jitter ?? null;
    this.concurrency = from.concurrency;
    this.#before = this.#body();
  }

  /** Returns the body of the request: of a trigger that is there what is changed, so that nobody else's changes are undone. */
  body(): Schemas['TriggerUpdate'] {
    const { retry, ...rest } = this.#body();
    const { retry: before, ...restBefore } = this.#before;
    const policy = different(retry ?? {}, before ?? {});
    return { ...different(rest, restBefore), ...(Object.keys(policy).length && { retry: policy }) };
  }

  #body(): Schemas['TriggerUpdate'] {
    const retry: Retry = {
      max_attempts: this.maxAttempts ?? undefined,
      backoff: this.backoff || undefined,
      base_ms: this.baseMs ?? undefined,
      max_ms: this.maxMs ?? undefined,
      jitter: this.jitter ?? undefined,
    };
    return {
      name: this.name || undefined,
      script: this.script,
      enabled: this.enabled,
      concurrency: this.concurrency ?? undefined,
      retry,
      ...this.#details(),
    };
  }

  #details(): Schemas['TriggerUpdate'] {
    switch (this.kind) {
      case 'cron':
        return { schedule: this.schedule.trim(), timezone: this.timezone || 'UTC', catch_up: this.catchUp };
      case 'queue':
        return { topic: this.topic, max_batch: this.maxBatch ?? 1, max_wait_ms: this.maxWaitMs ?? 0, ordered: this.ordered };
      case 'pubsub':
        return { topic: this.topic };
      case 'dead_letter':
        if (this.changes) return { source: this.source as 'kv' | '', failed_trigger: this.failedTrigger, failed_script: this.failedScript };
        return {
          source: (this.source as 'kv') || undefined,
          failed_trigger: this.failedTrigger || undefined,
          failed_script: this.failedScript || undefined,
        };
      default:
        return { collection: this.collection, operations: this.operations as 'create'[], filter: this.#filter() };
    }
  }

  #filter(): unknown {
    if (!this.filter.trim()) return this.changes ? {} : undefined; // {} takes one away
    try {
      return parse(this.filter);
    } catch {
      throw new NotJSON('It is not JSON, as in {"paid": true}.');
    }
  }
}

/** Returns those fields that are said, and not as they were. */
function different<Fields extends object>(now: Fields, before: Fields): Partial<Fields> {
  const was = before as Record<string, unknown>;
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== undefined && write(value) !== write(was[name]))) as Partial<Fields>;
}
