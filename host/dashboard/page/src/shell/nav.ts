import Boxes from '@lucide/svelte/icons/boxes';
import CircleUser from '@lucide/svelte/icons/circle-user';
import DatabaseBackup from '@lucide/svelte/icons/database-backup';
import KeyRound from '@lucide/svelte/icons/key-round';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Settings from '@lucide/svelte/icons/settings';
import SquareCode from '@lucide/svelte/icons/square-code';
import Users from '@lucide/svelte/icons/users';
import type { Component } from 'svelte';

/** A screen that the navigation and the palette lead to. */
export interface NavItem {
  title: string;
  /** Below the app's address, or from the root for the node. */
  path: string;
  icon: Component<{ size?: number }>;
  /** Words that find it in the palette, too. */
  keywords?: string[];
  /** The capability in the app that one needs; absent: any who may see the app. */
  needs?: string;
  /** Only for owners and admins of the node. */
  managers?: boolean;
}

/** The screens of an app, in the order of the navigation. */
export const appNav: NavItem[] = [
  { title: 'Overview', path: '', icon: LayoutDashboard, keywords: ['usage', 'home'] },
  { title: 'Scripts', path: '/scripts', icon: SquareCode, keywords: ['functions', 'code', 'plugins'], needs: 'script.read' },
  { title: 'Secrets', path: '/secrets', icon: KeyRound, keywords: ['keys', 'environment'], needs: 'secret.read' },
  { title: 'Settings', path: '/settings', icon: Settings, keywords: ['domains', 'hosts', 'members', 'quotas', 'usage', 'audit', 'rename', 'aliases', 'export', 'delete'] },
];

/** The screens of the node. */
export const nodeNav: NavItem[] = [
  { title: 'Apps', path: '/apps', icon: Boxes },
  { title: 'Users', path: '/users', icon: Users, keywords: ['people', 'invite', 'roles'], managers: true },
  { title: 'Audit', path: '/audit', icon: ScrollText, keywords: ['record', 'changes', 'history'], managers: true },
  { title: 'Backup and keys', path: '/backup', icon: DatabaseBackup, keywords: ['restore', 'rotate', 'secrets'], managers: true },
  { title: 'Your account', path: '/account', icon: CircleUser, keywords: ['password', 'second factor', 'totp', 'sessions', 'api keys'] },
];
