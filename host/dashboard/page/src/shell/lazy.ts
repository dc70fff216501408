import type { Component } from 'svelte';

import LazyScreen from './LazyScreen.svelte';

type Screen = Component<any>;
type Load = () => Promise<{ default: Screen }>;

const loads = new WeakMap<object, Load>(); // of screens

/** Makes a screen that is loaded when it is opened: `lazy(() => import('./screens/x/X.svelte'))`. It begins anew with each address. */
export function lazy(load: Load): Screen {
  const screen: Screen = (internals) => LazyScreen(internals, { load });
  loads.set(screen, load);
  return screen;
}

/** Makes what is around some screens, likewise. It stays when one of them follows another. */
export function lazyLayout(load: Load): Screen {
  const layout: Screen = (internals, props) => LazyScreen(internals, { ...props, load });
  loads.set(layout, load);
  return layout;
}

/** Begins to load a screen, or what is around some, if it is loaded at all when it is opened. */
export function begin(screen: object) {
  loads.get(screen)?.().catch(() => {}); // it is loaded again when it is opened
}
