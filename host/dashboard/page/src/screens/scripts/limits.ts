import { load, type Loaded } from '$/api/load.svelte';
import type { Schemas } from '$/api/client';

export type Limit = keyof Schemas['Limits'];

/** The limits of a script: what each bounds, and what one has that is not set. */
export const limits: { name: Limit; label: string; hint: string; standard: number }[] = [
  { name: 'timeout_ms', label: 'Timeout', hint: 'milliseconds', standard: 10_000 },
  { name: 'memory_mb', label: 'Memory', hint: 'MiB', standard: 64 },
  { name: 'max_operations', label: 'Operations', hint: 'of the interpreter', standard: 1_000_000 },
  { name: 'max_call_levels', label: 'Call levels', hint: 'nested calls of functions', standard: 64 },
  { name: 'max_string_size', label: 'String size', hint: 'bytes of one string', standard: 1 << 20 },
  { name: 'max_array_size', label: 'Array size', hint: 'items of one array', standard: 100_000 },
  { name: 'max_map_size', label: 'Map size', hint: 'properties of one map', standard: 100_000 },
  { name: 'max_blob_size', label: 'Blob size', hint: 'bytes of one blob', standard: 10 << 20 },
  { name: 'max_modules', label: 'Modules', hint: 'imported, in all', standard: 32 },
];

/** Loads the most that each limit may be on this server, which its document tells. */
export function loadCeilings(): Loaded<Partial<Record<Limit, number>>> {
  return load(async (signal) => {
    const answer = await fetch('/api/v1/openapi.json', { signal });
    const document = (await answer.json()) as { components: { schemas: { Limits: { properties: Record<Limit, { maximum?: number }> } } } };
    return Object.fromEntries(Object.entries(document.components.schemas.Limits.properties).map(([name, { maximum }]) => [name, maximum]));
  });
}
