import Activity from '@lucide/svelte/icons/activity';
import Boxes from '@lucide/svelte/icons/boxes';
import CircleAlert from '@lucide/svelte/icons/circle-alert';
import CircleUser from '@lucide/svelte/icons/circle-user';
import Database from '@lucide/svelte/icons/database';
import DatabaseBackup from '@lucide/svelte/icons/database-backup';
import HeartPulse from '@lucide/svelte/icons/heart-pulse';
import Hourglass from '@lucide/svelte/icons/hourglass';
import KeyRound from '@lucide/svelte/icons/key-round';
import Layers from '@lucide/svelte/icons/layers';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import MailX from '@lucide/svelte/icons/mail-x';
import Megaphone from '@lucide/svelte/icons/megaphone';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Settings from '@lucide/svelte/icons/settings';
import SquareCode from '@lucide/svelte/icons/square-code';
import Users from '@lucide/svelte/icons/users';
import Waypoints from '@lucide/svelte/icons/waypoints';
import Zap from '@lucide/svelte/icons/zap';
import type { Component } from 'svelte';

/** A screen that the navigation and the palette lead to. */
export interface NavItem {
  title: string;
  /** Below the app's address, or from the root for the node. */
  path: string;
  icon: Component<{ size?: number }>;
  /** The letter that leads here after a G. */
  key?: string;
  /** Words that find it in the palette, too. */
  keywords?: string[];
  /** The capability in the app that one needs; absent: any who may see the app. */
  needs?: string;
  /** Only for owners and admins of the node. */
  managers?: boolean;
  /** Found by the palette alone: the navigation leads to what it is part of. */
  part?: boolean;
}

/** The screens of an app, in the order of the navigation. */
export const appNav: NavItem[] = [
  { title: 'Overview', key: 'o', path: '', icon: LayoutDashboard, keywords: ['usage', 'home', 'metrics', 'charts'] },
  { title: 'Scripts', key: 's', path: '/scripts', icon: SquareCode, keywords: ['functions', 'code', 'plugins'], needs: 'script.read' },
  { title: 'Data', key: 'd', path: '/data', icon: Database, keywords: ['kv', 'key-value', 'docs', 'documents', 'files', 'collections'], needs: 'data.read' },
  { title: 'Events', key: 'e', path: '/events', icon: Zap, keywords: ['asynchronous'], needs: 'data.read' },
  { title: 'Triggers', path: '/events/triggers', icon: Zap, keywords: ['cron', 'schedule', 'events'], needs: 'trigger.read', part: true },
  { title: 'Pending events', path: '/events/pending', icon: Hourglass, keywords: ['waiting', 'retrying', 'outbox'], needs: 'data.read', part: true },
  { title: 'Queues', path: '/events/queues', icon: Layers, keywords: ['messages', 'events'], needs: 'data.read', part: true },
  { title: 'Topics', path: '/events/topics', icon: Megaphone, keywords: ['pubsub', 'realtime', 'subscribe', 'events'], needs: 'route.read', part: true },
  { title: 'Dead letters', path: '/events/dead-letters', icon: MailX, keywords: ['failed', 'replay', 'events'], needs: 'data.read', part: true },
  { title: 'Routes', key: 'r', path: '/routes', icon: Waypoints, keywords: ['addresses', 'requests', 'urls'], needs: 'route.read' },
  { title: 'Executions', key: 'x', path: '/executions', icon: Activity, keywords: ['logs', 'runs', 'errors', 'traces'], needs: 'log.read' },
  { title: 'Secrets', key: 'k', path: '/secrets', icon: KeyRound, keywords: ['keys', 'environment'], needs: 'secret.read' },
  { title: 'Settings', key: 't', path: '/settings', icon: Settings, keywords: ['domains', 'hosts', 'members', 'quotas', 'usage', 'audit', 'rename', 'aliases', 'export', 'delete'] },
];

/** The screens of the node. */
export const nodeNav: NavItem[] = [
  { title: 'Apps', key: 'a', path: '/apps', icon: Boxes },
  { title: 'Failures', key: 'f', path: '/failures', icon: CircleAlert, keywords: ['errors', 'executions', 'all apps'] },
  { title: 'Health', key: 'h', path: '/health', icon: HeartPulse, keywords: ['node', 'database', 'disk', 'caches', 'status'], managers: true },
  { title: 'Users', key: 'u', path: '/users', icon: Users, keywords: ['people', 'invite', 'roles'], managers: true },
  { title: 'Audit', key: 'l', path: '/audit', icon: ScrollText, keywords: ['record', 'changes', 'history'], managers: true },
  { title: 'Backup and keys', path: '/backup', icon: DatabaseBackup, keywords: ['restore', 'rotate', 'secrets'], managers: true },
  { title: 'Your account', path: '/account', icon: CircleUser, keywords: ['password', 'second factor', 'totp', 'sessions', 'api keys'] },
];

/** Returns the screen that a letter leads to from where one is, as an address. */
export function whither(letter: string, app: { slug: string; my_capabilities?: string[] | null } | undefined, manages: boolean): string | undefined {
  const ofApp = app && appNav.find((item) => item.key === letter && (!item.needs || app.my_capabilities?.includes(item.needs)));
  if (ofApp) return `/apps/${app.slug}${ofApp.path}`;
  return nodeNav.find((item) => item.key === letter && (!item.managers || manages))?.path;
}
