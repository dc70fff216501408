import { api, ask, type Schemas } from '$/api/client';
import { load } from '$/api/load.svelte';
import { all } from '$/api/many';
import type { AppContext } from '$/shell/app.svelte';

/** The triggers and scripts of an app, which events name by their ids. */
export class Names {
  #triggers;
  #scripts;

  constructor(app: AppContext) {
    const path = { app: app.slug };
    this.#triggers = load(async (signal) =>
      app.may('trigger.read') ? (await ask(api.GET('/api/v1/admin/apps/{app}/triggers', { params: { path }, signal }))).items : [],
    );
    this.#scripts = load(async (signal) =>
      app.may('script.read') ? all(signal, (cursor) => ask(api.GET('/api/v1/admin/apps/{app}/scripts', { params: { path, query: { limit: 1000, cursor } }, signal }))) : [],
    );
  }

  get triggers(): Schemas['Trigger'][] {
    return this.#triggers.data ?? [];
  }

  get scripts(): Schemas['Script'][] {
    return this.#scripts.data ?? [];
  }

  /** They are known: what has no name has none. */
  get known(): boolean {
    return !!this.#triggers.data && !!this.#scripts.data;
  }

  trigger(id: string | undefined): string | undefined {
    return this.triggers.find((t) => t.id === id)?.name;
  }

  script(id: string | undefined): string | undefined {
    return this.scripts.find((s) => s.id === id)?.name;
  }
}
