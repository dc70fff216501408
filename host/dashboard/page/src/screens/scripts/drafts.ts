import { keep, namesOf, recall } from '$/api/kept';

/** What was typed into a script and is not saved, kept as long as the tab. */
export interface Draft {
  source: string;
  /** The version that it was made of. */
  version: number;
}

const beginning = 'draft.';

export function draftOf(id: string): Draft | undefined {
  return recall(beginning + id);
}

/** Keeps a draft; undefined: there is none any more. */
export function keepDraft(id: string, draft?: Draft) {
  keep(beginning + id, draft);
}

/** Returns the ids of the scripts, of any app, that have a draft. */
export function drafts(): string[] {
  return namesOf(beginning).map((name) => name.slice(beginning.length));
}

// Drafts end with the tab, whatever is shown in it then.
addEventListener('beforeunload', (event) => {
  if (drafts().length) event.preventDefault();
});

/** A script that is open in a tab of the editor. */
export interface OpenFile {
  id: string;
  name: string;
}

/** Returns the scripts of an app that are open, in the order in which they were opened. */
export function openFiles(app: string): OpenFile[] {
  return recall(`open.${app}`) ?? [];
}

export function keepOpen(app: string, files: OpenFile[]) {
  keep(`open.${app}`, files);
}
