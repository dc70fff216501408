import { blockNavigation } from 'sv-router';

import { confirm } from './confirm.svelte';

/** Asks before a screen is left, or the page is closed, while something in it is changed and not saved. */
export function keepUnsaved(isChanged: () => boolean) {
  $effect(() =>
    blockNavigation({
      beforeUnload: () => !isChanged(),
      onNavigate: async () => !isChanged() || (await confirm({ title: 'Leave without saving?', text: 'What you have changed here is lost then.', action: 'Leave' })),
    }),
  );
}
