import type { components } from './schema';

/** What the API answers when it refuses (RFC 9457). */
export type Problem = components['schemas']['Problem'];

/** A refusal of the API, in its own words. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }

  /** What is wrong with a field of the body, as in `slug` or `limits.timeout_ms`; undefined: nothing is. */
  field(name: string): string | undefined {
    return this.at(`body.${name}`);
  }

  /** What is wrong at a place of the request, as in `path.key` or `query.filter`; undefined: nothing is. */
  at(location: string): string | undefined {
    return this.problem.errors?.find((e) => e.location === location)?.message;
  }
}

/** The server cannot be reached, or did not say what it did. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer, so nobody knows whether it has done this. Look when it is back, before you do it again.');
  }
}

/** Makes of what was thrown what a person reads. */
export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Reports whether a request was refused with a status. */
export function isStatus(thrown: unknown, status: number): thrown is Refused {
  return thrown instanceof Refused && thrown.problem.status === status;
}

/** Reports whether a failure may go by itself: the server's own, or too many requests. */
export function mayPass(thrown: unknown): boolean {
  return thrown instanceof Refused && ((thrown.problem.status ?? 0) >= 500 || thrown.problem.status === 429);
}

/** Makes the refusal of an answer, whatever its body is. */
export async function refusalOf(response: Response, body: unknown): Promise<Refused> {
  const sent = (typeof body === 'object' && body ? body : {}) as Partial<Problem>;
  const title = sent.title ?? (response.statusText || `Status ${response.status}`);
  return new Refused({ ...sent, title, status: sent.status ?? response.status, detail: sent.detail ?? title });
}
