import type { Schemas } from '$/api/client';

type Role = Schemas['User']['role'];

const roles: [Role, string][] = [
  ['member', 'Member: works on the apps whose member it is'],
  ['admin', 'Admin: all apps and users'],
  ['owner', 'Owner: owners and backups, too'],
];

/** Returns the roles that somebody may give, with what they mean. */
export function grantable(by: Role | undefined): [Role, string][] {
  return by === 'owner' ? roles : roles.filter(([role]) => role !== 'owner');
}

/** How a state of a user looks. */
export const stateBadge = { active: 'good', invited: 'warn', deactivated: 'bad' } as const;
