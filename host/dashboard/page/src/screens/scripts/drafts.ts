/** What was typed into a script and is not saved, kept as long as the tab. */
export interface Draft {
  source: string;
  /** The version that it was made of. */
  version: number;
}

const key = (id: string) => `picloud.draft.${id}`;

export function draftOf(id: string): Draft | undefined {
  const kept = sessionStorage.getItem(key(id));
  return kept ? JSON.parse(kept) : undefined;
}

/** Keeps a draft; undefined: there is none any more. */
export function keepDraft(id: string, draft?: Draft) {
  try {
    if (draft) sessionStorage.setItem(key(id), JSON.stringify(draft));
    else sessionStorage.removeItem(key(id));
  } catch {
    // It is too large to be kept; leaving the page asks.
  }
}

/** A script that is open in a tab of the editor. */
export interface OpenFile {
  id: string;
  name: string;
}

const openKey = (app: string) => `picloud.open.${app}`;

/** Returns the scripts of an app that are open, in the order in which they were opened. */
export function openFiles(app: string): OpenFile[] {
  return JSON.parse(sessionStorage.getItem(openKey(app)) ?? '[]');
}

export function keepOpen(app: string, files: OpenFile[]) {
  sessionStorage.setItem(openKey(app), JSON.stringify(files));
}
