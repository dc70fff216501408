// What ctx.event is, by what leads to it: to try a script with.
const common = { id: '0190a1b2-0000-7000-8000-000000000001', attempt: 1, max_attempts: 5, trigger_name: 'sample', depth: 1, truncated: false };

/** An event of each kind. */
export const samples: Record<string, unknown> = {
  'kv: a key was set': { ...common, source: 'kv', operation: 'update', kv: { collection: 'settings', key: 'theme', value: 'dark', previous: 'light' } },
  'docs: a document was created': {
    ...common,
    source: 'docs',
    operation: 'create',
    docs: { collection: 'orders', id: '0190a1b2-0000-7000-8000-000000000002', version: 1, data: { item: 'tea', amount: 2 }, prev_data: null },
  },
  'files: a file was uploaded': {
    ...common,
    source: 'files',
    operation: 'create',
    files: { collection: 'images', id: '0190a1b2-0000-7000-8000-000000000003', name: 'cat.png', content_type: 'image/png', size: 2048 },
  },
  'cron: its time has come': {
    ...common,
    source: 'cron',
    operation: 'tick',
    cron: { schedule: '0 0 8 * * *', timezone: 'UTC', scheduled_at: '2026-01-01T08:00:00Z', fired_at: '2026-01-01T08:00:00.05Z', missed: 0 },
  },
  'queue: a message was pushed': {
    ...common,
    source: 'queue',
    operation: 'push',
    queue: { topic: 'mails', messages: [{ id: '0190a1b2-0000-7000-8000-000000000004', body: { to: 'ada@example.com' }, attempt: 1, pushed_at: '2026-01-01T08:00:00Z' }] },
  },
  'pubsub: a message was published': { ...common, source: 'pubsub', operation: 'publish', pubsub: { topic: 'news', message: { text: 'Hello' }, published_at: '2026-01-01T08:00:00Z' } },
  'dead_letter: an event failed for good': {
    ...common,
    source: 'dead_letter',
    dead_letter: { id: '0190a1b2-0000-7000-8000-000000000005', attempts: 5, error: { code: 'runtime', message: 'no such order' }, event: { source: 'docs' } },
  },
};
