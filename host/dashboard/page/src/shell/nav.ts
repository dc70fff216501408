import Activity from '@lucide/svelte/icons/activity';
import Boxes from '@lucide/svelte/icons/boxes';
import HeartPulse from '@lucide/svelte/icons/heart-pulse';
import KeyRound from '@lucide/svelte/icons/key-round';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import SquareCode from '@lucide/svelte/icons/square-code';
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
  { title: 'Overview', path: '', icon: LayoutDashboard, keywords: ['usage', 'home', 'metrics', 'charts'] },
  { title: 'Scripts', path: '/scripts', icon: SquareCode, keywords: ['functions', 'code', 'plugins'], needs: 'script.read' },
  { title: 'Executions', path: '/executions', icon: Activity, keywords: ['logs', 'runs', 'errors', 'traces'], needs: 'log.read' },
  { title: 'Secrets', path: '/secrets', icon: KeyRound, keywords: ['keys', 'environment'], needs: 'secret.read' },
];

/** The screens of the node. */
export const nodeNav: NavItem[] = [
  { title: 'Apps', path: '/apps', icon: Boxes },
  { title: 'Health', path: '/health', icon: HeartPulse, keywords: ['node', 'database', 'disk', 'caches', 'status'], managers: true },
];
