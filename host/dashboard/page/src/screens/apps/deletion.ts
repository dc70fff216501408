import type { Schemas } from '$/api/client';
import { number } from '$/parts/sizes';

const kinds = [
  ['scripts', 'script'],
  ['routes', 'route'],
  ['triggers', 'trigger'],
  ['topics', 'topic'],
  ['domains', 'domain'],
  ['members', 'member'],
  ['keys', 'API key'],
  ['secrets', 'secret'],
  ['kv_entries', 'kv entry'],
  ['documents', 'document'],
  ['files', 'file'],
  ['executions', 'execution'],
  ['events', 'event'],
  ['dead_letters', 'dead letter'],
] as const;

/** The most that the server counts of a kind. */
const most = 10_000;

/** Says what goes with an app, "" for nothing. */
export function contentsOf(deletion: Schemas['AppDeletion']): string {
  const parts = kinds
    .filter(([kind]) => deletion[kind] > 0)
    .map(([kind, word]) => {
      const n = deletion[kind];
      const words = n === 1 ? word : word.endsWith('y') && word !== 'API key' ? `${word.slice(0, -1)}ies` : `${word}s`;
      return `${n >= most ? `${number(n)} or more` : number(n)} ${words}`;
    });
  return new Intl.ListFormat('en').format(parts);
}
