import type { Schemas } from '$/api/client';

type Execution = Schemas['Execution'];

/** How executions end, as filters have it. */
export const outcomes = {
  ok: 'ok',
  failed: 'any failure',
  script_error: 'script error',
  timeout: 'timeout',
  limit_exceeded: 'limit exceeded',
  script_invalid: 'script invalid',
  cancelled: 'cancelled',
  internal: 'internal',
} as const;
export type Outcome = keyof typeof outcomes;

/** What causes executions. */
export const kinds = { http: 'route', execute: 'execute', trigger: 'trigger', invoke: 'another script' } as const;
export type Kind = keyof typeof kinds;

/** Says what an outcome or a state is, and whether that is good. */
export function badgeOf({ outcome, state }: Pick<Execution, 'outcome' | 'state'>): { text: string; tone: 'good' | 'bad' | 'warn' | 'accent' } {
  if (!outcome || state !== 'ended') return { text: state, tone: state === 'retrying' ? 'warn' : 'accent' };
  return { text: outcomes[outcome as Outcome] ?? outcome, tone: outcome === 'ok' ? 'good' : outcome === 'cancelled' ? 'warn' : 'bad' };
}

/** Says what an execution was for, in a few words. */
export function causeOf(execution: Execution): string {
  if (execution.method) return `${execution.method} ${execution.path ?? ''}`;
  return kinds[execution.invocation_type as Kind] ?? '';
}
