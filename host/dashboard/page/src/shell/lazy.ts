import type { Component } from 'svelte';

import LazyScreen from './LazyScreen.svelte';

/** Makes a screen that is loaded when it is opened: `lazy(() => import('./screens/x/X.svelte'))`. */
export function lazy(load: () => Promise<{ default: Component }>): Component {
  return (internals, props) => LazyScreen(internals, { ...props, load });
}
