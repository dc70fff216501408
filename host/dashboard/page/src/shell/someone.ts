import { chunk } from '$/api/chunk';
import { wordsOf } from '$/api/problem';
import { complain } from '$/parts/toasts.svelte';

/**
 * Resolves when somebody is there: when a pointer moves, a key is pressed or something gets the focus. What is needed then at the
 * earliest, as menus and dialogs, is loaded then: nothing of it is shown at first.
 */
export const someone = new Promise<void>((there) => {
  for (const sign of ['pointermove', 'pointerdown', 'keydown', 'focusin']) addEventListener(sign, () => there(), { capture: true, once: true });
});

/** Loads a part of the shell, and complains if that cannot be. */
export async function part<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await chunk(load);
  } catch (thrown) {
    complain(wordsOf(thrown));
    throw thrown;
  }
}
