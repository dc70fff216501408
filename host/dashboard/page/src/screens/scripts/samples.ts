// What ctx.event is, by what leads to it: to try a script with. A dispatcher tells of all of this, and of nothing else.
const id = (n: number) => `0190a1b2-0000-7000-8000-00000000000${n}`;
const at = '2026-01-01T08:00:00Z';

const common = (source: string, operation: string) => ({
  id: id(1),
  source,
  operation,
  trigger_id: id(2),
  trigger_name: 'sample',
  attempt: 1,
  max_attempts: 5,
  first_attempt_at: at,
  depth: 1,
  root_execution_id: id(3),
  truncated: false,
});

const created = { ...common('docs', 'create'), docs: { collection: 'orders', id: id(4), version: 1, data: { item: 'tea', amount: 2 }, prev_data: null } };

/** An event of each kind. */
export const samples: Record<string, unknown> = {
  'kv: a key was set': { ...common('kv', 'update'), kv: { collection: 'settings', key: 'theme', value: 'dark', previous: 'light' } },
  'docs: a document was created': created,
  'files: a file was uploaded': {
    ...common('files', 'create'),
    files: {
      collection: 'images',
      id: id(4),
      name: 'cat.png',
      content_type: 'image/png',
      size: 2048,
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      created_at: at,
      updated_at: at,
    },
  },
  'cron: its time has come': {
    ...common('cron', 'tick'),
    cron: { schedule: '0 0 8 * * *', timezone: 'UTC', scheduled_at: at, fired_at: '2026-01-01T08:00:00.05Z', missed: 0 },
  },
  'queue: a message was pushed': {
    ...common('queue', 'push'),
    queue: { topic: 'mails', messages: [{ id: id(1), key: null, body: { to: 'ada@example.com' }, attempt: 1, pushed_at: at }] },
  },
  'pubsub: a message was published': { ...common('pubsub', 'publish'), pubsub: { topic: 'news', message: { text: 'Hello' }, published_at: at } },
  'dead_letter: an event failed for good': {
    ...common('dead_letter', 'dead'),
    dead_letter: { id: id(5), attempts: 5, first_at: at, last_at: '2026-01-01T08:15:31Z', error: 'no such order (line 3, column 1)', event: { ...created, attempt: 5 } },
  },
};
