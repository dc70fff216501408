import type { Component } from 'svelte';

import LazyScreen from './LazyScreen.svelte';

/** What the router gives to a screen is nothing, and to what is around some their children. */
type Screen = Component<any>;

/** Makes a screen, or what is around some, that is loaded when it is opened: `lazy(() => import('./screens/x/X.svelte'))`. */
export function lazy(load: () => Promise<{ default: Screen }>): Screen {
  return (internals, props) => LazyScreen(internals, { ...props, load });
}
