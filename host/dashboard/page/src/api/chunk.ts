import { reach } from './reach.svelte';

/** Loads a part of the page that is not in its first file: `chunk(() => import('./editor'))`. It waits for a server that is gone. */
export async function chunk<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch {
    await reach.back();
  }
  try {
    return await load();
  } catch {
    throw new Error('This part of the page cannot be loaded. The server may have a newer page by now: load it again.');
  }
}
