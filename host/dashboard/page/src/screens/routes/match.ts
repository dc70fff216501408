import { api, ask, type Schemas } from '$/api/client';
import { site } from '$/api/site.svelte';

type Route = Schemas['Route'];

/** Says a route as people write it. */
export function written({ method, host, path }: Pick<Route, 'method' | 'host' | 'path'>): string {
  return `${method || 'ANY'} ${host}${path}`;
}

/** Tells a route from all others, as something that may be deleted. */
export function placeOf({ id }: Pick<Route, 'id'>): string {
  return `/routes/${id}`;
}

/** Returns a path that a route's path answers, as `/users/x` of `/users/:id`. */
export function exampleOf(path: string): string {
  return path.replace(/:[^/]+/g, 'x').replace(/\*$/, 'x');
}

/** Returns the address of a request that a route answers; undefined: nobody has told where the server is. */
export function addressOf({ host, path }: Pick<Route, 'host' | 'path'>): string | undefined {
  const origin = host ? `https://${host.replace(/^\*/, 'x')}` : site.origin;
  return origin && origin + exampleOf(path);
}

/** Asks which route answers a request, and which one a route that may be made could not be beside. */
export function match(app: string, request: Schemas['RouteMatch'], signal?: AbortSignal): Promise<Schemas['RouteMatched']> {
  return ask(api.POST('/api/v1/admin/apps/{app}/routes:match', { params: { path: { app } }, body: request, signal }));
}

export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
