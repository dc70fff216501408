import type { Schemas } from '$/api/client';

type Entry = Schemas['AuditEntry'];

/** Says who did something. */
export function actorOf(entry: Entry): string {
  return entry.username ?? (entry.actor === 'system' ? 'the server' : entry.actor === 'unknown' ? 'somebody' : (entry.user_id ?? entry.actor));
}

/** How an outcome looks. */
export const outcomeBadge = { done: '', refused: 'bad', failed: 'warn' } as const;
