import { api, ask, type Schemas } from '$/api/client';

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

/** Asks which route answers a request. */
export function match(app: string, request: Schemas['RouteMatch'], signal?: AbortSignal): Promise<Schemas['RouteMatched']> {
  return ask(api.POST('/api/v1/admin/apps/{app}/routes:match', { params: { path: { app } }, body: request, signal }));
}

/** Reports whether two paths are the same but for the names of their parts. */
export function samePath(one: string, other: string): boolean {
  const shape = (path: string) => path.replace(/:[^/]+/g, ':');
  return shape(one) === shape(other);
}

export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
