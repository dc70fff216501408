import { getContext, setContext } from 'svelte';

import { api, ask, type Schemas } from '$/api/client';
import { load, type Loaded } from '$/api/load.svelte';

type App = Schemas['App'];

/** The app whose screens are shown, as far as it is known. The shell shows its navigation by it. */
export const current = $state<{ app?: App }>({});

/** The app of a screen below /apps/:app. */
export class AppContext {
  #loaded: Loaded<App>;

  constructor(slug: string) {
    this.#loaded = load((signal) => ask(api.GET('/api/v1/admin/apps/{app}', { params: { path: { app: slug } }, signal })));
    $effect(() => {
      current.app = this.#loaded.data;
      return () => (current.app = undefined);
    });
  }

  /** The app. Screens of an app are shown when it is there. */
  get app(): App {
    return this.#loaded.data!;
  }

  get slug(): string {
    return this.app.slug;
  }

  /** Its address, to which screens add theirs. */
  get path(): string {
    return `/apps/${this.slug}`;
  }

  get loaded(): Loaded<App> {
    return this.#loaded;
  }

  /** Reports whether one may do something in the app. What one may not do is not shown. */
  may(capability: string): boolean {
    return !!this.app.my_capabilities?.includes(capability);
  }

  reload = () => this.#loaded.reload();
}

const key = Symbol('app');

/** Provides the app that a slug names to the screens in the component. */
export function provideApp(slug: string): AppContext {
  return setContext(key, new AppContext(slug));
}

/** Returns the app that a screen below /apps/:app is about. */
export function useApp(): AppContext {
  return getContext<AppContext>(key);
}
