import { blockNavigation } from 'sv-router';
import { onDestroy } from 'svelte';

import { staysOnScreen } from './address';
import { confirm, type Question } from './confirm.svelte';

const usual: Question = { title: 'Leave without saving?', text: 'What you have changed here is lost then.', action: 'Leave' };

let agreed: Question | undefined; // to which somebody has just said yes: other forms of the screen do not ask it once more

async function mayLeave(question: Question): Promise<boolean> {
  if (question === agreed) return true;
  if (!(await confirm(question))) return false;
  agreed = question;
  setTimeout(() => (agreed = undefined));
  return true;
}

const asking = new Set<() => boolean>();

/** Reports whether anything that is shown is changed and not saved, or on its way. */
export function isUnsaved(): boolean {
  return [...asking].some((isChanged) => isChanged());
}

/** Asks before a screen is left, or the page is closed, while something in it is changed and not saved. */
export function keepUnsaved(isChanged: () => boolean, question = () => usual) {
  $effect(() => {
    asking.add(isChanged);
    const free = blockNavigation({
      beforeUnload: () => !isChanged(),
      onNavigate: async () => staysOnScreen() || !isChanged() || (await mayLeave(question())),
    });
    return () => {
      asking.delete(isChanged);
      free();
    };
  });
}

const running: Question = { title: 'Stop it and leave?', text: 'What is on its way is not whole yet, and nothing of it is saved.', action: 'Stop and leave' };

/** Asks before a screen is left while something of it is on its way, which ends with the screen. */
export function keepRunning(what: { readonly busy: boolean; stop: () => void }) {
  keepUnsaved(
    () => what.busy,
    () => running,
  );
  onDestroy(() => what.stop());
}
