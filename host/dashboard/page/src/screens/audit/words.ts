import type { Schemas } from '$/api/client';

type Entry = Schemas['AuditEntry'];

/** Says who did something. */
export function actorOf(entry: Entry): string {
  return entry.username ?? (entry.actor === 'system' ? 'the server' : entry.actor === 'unknown' ? 'somebody' : (entry.user_id ?? entry.actor));
}

/** Says what was changed, by a name where the record has one. */
export function objectOf(entry: Entry, names: Map<string, string>): string {
  for (const row of [entry.after, entry.before] as (Record<string, unknown> | null | undefined)[]) {
    for (const field of ['name', 'username', 'slug', 'host', 'path']) {
      if (typeof row?.[field] === 'string' && row[field]) return row[field];
    }
  }
  return names.get(entry.object ?? '') ?? entry.object ?? '';
}

/** How an outcome looks. */
export const outcomeBadge = { done: '', refused: 'bad', failed: 'warn' } as const;
