import type { Schemas } from '$/api/client';

export type Scope = Schemas['APIKeyCreate']['scopes'][number];

/** What a key may carry, and what that lets it do, if its owner may. */
export const scopes: [Scope, string][] = [
  ['script:read', 'See scripts with their source, routes and triggers'],
  ['script:write', 'Write and run scripts; triggers, events and data, too'],
  ['route:write', 'Bind routes'],
  ['log:read', 'Read executions and logs'],
  ['domain:manage', 'Claim hosts and give them back'],
  ['app:admin', 'All that an app admin may: members, secrets, domains, the app itself'],
  ['instance:admin', 'Users, new apps, the audit, backups: the server itself'],
];
