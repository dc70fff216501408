import createClient, { defaultPathSerializer } from 'openapi-fetch';
import { untrack } from 'svelte';

import { Unreachable, refusalOf } from './problem';
import { reach } from './reach.svelte';
import type { components, paths } from './schema';
import { session } from './session.svelte';
import { site } from './site.svelte';

/** The schemas of the API's document: `Schemas['App']`. */
export type Schemas = components['schemas'];

/** How often a reading request is made again when the server has too much to do. */
const attempts = 3;

/** How many seconds it waits before that at most, whatever the server asks for: somebody looks on. */
const patience = 10;

/** fetch for the API: it sends the token; what only reads waits for a server that is gone. */
async function send(request: Request): Promise<Response> {
  const token = untrack(() => session.token); // what is loaded is not loaded again as somebody has logged in
  if (token) request.headers.set('Authorization', `Bearer ${token}`);
  const reads = request.method === 'GET';
  let lost = 0; // how often it was not answered though the server answered others after that
  for (let attempt = 1; ; attempt++) {
    let response: Response;
    try {
      response = reads ? await reach.timed(fetch(request.clone())) : await fetch(request); // what changes something says itself that it runs
    } catch (thrown) {
      if (request.signal.aborted) throw thrown;
      const back = reach.back(!reads);
      if (!reads || ++lost > attempts) throw new Unreachable();
      await back;
      request.signal.throwIfAborted();
      continue;
    }
    site.told(response.headers.get('Picloud-Site'));
    // A wrong password or an invite that is used up says nothing of the session.
    if (response.status === 401 && !new URL(request.url).pathname.startsWith('/api/v1/admin/auth/')) session.refused(token);
    if (!reads || response.status !== 503 || attempt >= attempts) return response;
    const seconds = Math.min(Number(response.headers.get('Retry-After')) || 1, patience);
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

/**
 * Puts parameters into a path. A browser takes the names "." and ".." for steps in it, however they are encoded: deleting
 * the key ".." of the collection ".." would delete the app.
 */
function pathOf(template: string, parameters: Record<string, unknown>): string {
  for (const value of Object.values(parameters)) {
    if (value === '' || value === '.' || value === '..') throw new Error(`No address can have the name “${value}”. A script can use it.`);
  }
  return defaultPathSerializer(template, parameters);
}

/** The API, typed by its document: `api.GET('/api/v1/admin/apps/{app}', {params: {path: {app}}})`. */
export const api = createClient<paths>({ fetch: send, pathSerializer: pathOf });

type Answer<Data> = { data?: Data; error?: unknown; response: Response };

/** Returns what a request is answered, or throws a [Refused] or an [Unreachable]. */
export async function ask<Data>(request: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await request;
  if (!response.ok) throw await refusalOf(response, error);
  return data as Data;
}
