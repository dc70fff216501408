import { blockNavigation } from 'sv-router';

import { staysOnScreen } from './address';
import { confirm, type Question } from './confirm.svelte';

const usual: Question = { title: 'Leave without saving?', text: 'What you have changed here is lost then.', action: 'Leave' };

/** Asks before a screen is left, or the page is closed, while something in it is changed and not saved. */
export function keepUnsaved(isChanged: () => boolean, question = usual) {
  $effect(() =>
    blockNavigation({
      beforeUnload: () => !isChanged(),
      onNavigate: async () => staysOnScreen() || !isChanged() || (await confirm(question)),
    }),
  );
}
