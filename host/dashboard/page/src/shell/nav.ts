import Boxes from '@lucide/svelte/icons/boxes';
import KeyRound from '@lucide/svelte/icons/key-round';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import SquareCode from '@lucide/svelte/icons/square-code';
import Waypoints from '@lucide/svelte/icons/waypoints';
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
  { title: 'Routes', path: '/routes', icon: Waypoints, keywords: ['addresses', 'requests', 'urls'], needs: 'route.read' },
  { title: 'Secrets', path: '/secrets', icon: KeyRound, keywords: ['keys', 'environment'], needs: 'secret.read' },
];

/** The screens of the node. */
export const nodeNav: NavItem[] = [{ title: 'Apps', path: '/apps', icon: Boxes }];
