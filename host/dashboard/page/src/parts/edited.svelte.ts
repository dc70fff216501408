import { untrack } from 'svelte';

/**
 * A value of a form: it follows what is saved until somebody changes it, and again when that is saved. So nothing that is
 * loaded meanwhile takes away what was typed.
 */
export class Edited<Value> {
  value = $state() as Value;
  #saved = $state.raw() as Value;

  constructor(saved: () => Value) {
    this.value = this.#saved = untrack(saved);
    $effect.pre(() => {
      const now = saved();
      untrack(() => {
        if (!this.changed) this.value = now;
        this.#saved = now;
      });
    });
  }

  /** Tells that what was sent is saved, maybe written in another way: that takes its place, unless more was typed since. */
  settle(sent: Value) {
    if (this.value === sent) this.#saved = sent;
  }

  /** Reports whether it is not as it is saved. */
  get changed(): boolean {
    return this.value !== this.#saved;
  }
}
