import { complain } from './toasts.svelte';

/** Copies a text. Reports whether the browser let it, and says so where it did not. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // there is none where the page is not secure
    return true;
  } catch {
    complain('The browser does not let this page copy. Select the text and copy it by hand.');
    return false;
  }
}
