import type { Component } from 'svelte';

import LazyScreen from './LazyScreen.svelte';

type Screen = Component<any>;

/** Makes a screen that is loaded when it is opened: `lazy(() => import('./screens/x/X.svelte'))`. It begins anew with each address. */
export function lazy(load: () => Promise<{ default: Screen }>): Screen {
  return (internals) => LazyScreen(internals, { load });
}

/** Makes what is around some screens, likewise. It stays when one of them follows another. */
export function lazyLayout(load: () => Promise<{ default: Screen }>): Screen {
  return (internals, props) => LazyScreen(internals, { ...props, load });
}
