import type { EditorView } from '@codemirror/view';

import { api, ask, type Schemas } from '$/api/client';
import { load, type Loaded } from '$/api/load.svelte';
import { isStatus } from '$/api/problem';
import { unixEnds } from '$/parts/ends';
import { Form } from '$/parts/form.svelte';
import { say } from '$/parts/toasts.svelte';

import { draftOf, keepDraft } from './drafts';
import { markAgain, rangeOf, type Mark } from './rhai';

type Script = Schemas['Script'];

/** Returns an error of a script as a mark in it. */
export function markOf({ line, column, message, inside }: Schemas['ScriptError']): Mark {
  const where = inside?.module ? ` (in ${inside.module}, line ${inside.line})` : '';
  return { line, column, message: message + where };
}

/** A script in an editor. What is typed is not lost: not when it is loaded again, nor when the page is left or reloaded. */
export class File {
  /** As it was loaded or saved last. */
  script = $state.raw<Script>();
  source = $state('');
  /** What another has saved meanwhile. */
  conflict = $state.raw<Script>();
  readonly form = new Form();
  readonly loaded: Loaded<Script>;
  view: EditorView | undefined;

  /** The version that what is typed was made of. */
  #version = 0;
  #failure: { source: string; mark: Mark } | undefined;

  constructor(readonly id: string) {
    const path = { id };
    this.loaded = load(async (signal) => {
      const now = await ask(api.GET('/api/v1/admin/scripts/{id}', { params: { path }, signal }));
      this.#arrived(now);
      return now;
    });
    $effect(() => {
      if (this.script) keepDraft(id, this.changed ? { source: this.source, version: this.#version } : undefined);
    });
  }

  get changed(): boolean {
    return !!this.script && unixEnds(this.source) !== unixEnds(this.script.source ?? '');
  }

  #arrived(now: Script) {
    const draft = this.script ? { source: this.source, version: this.#version } : draftOf(this.id);
    if (draft && draft.source !== (now.source ?? '') && draft.source !== (this.script ? (this.script.source ?? '') : undefined)) {
      this.script ??= now;
      this.source = draft.source;
      this.#version = draft.version;
      if (draft.version !== now.version) this.conflict = now;
      else this.script = now;
    } else {
      this.take(now);
    }
  }

  /** Takes a script as it is saved, and loses what was typed. */
  take(now: Script) {
    this.script = now;
    this.source = now.source ?? '';
    this.#version = now.version;
    this.conflict = undefined;
    this.form.error = undefined;
  }

  /** Saves it. Reports whether it is saved. */
  save = async (): Promise<boolean> => {
    if (!this.script || !this.changed) return true;
    if (this.conflict) return false;
    const source = this.source;
    const params = { path: { id: this.id } };
    const went = await this.form.send(async () => {
      try {
        this.script = await ask(api.PUT('/api/v1/admin/scripts/{id}', { params, body: { source, version: this.#version } }));
        this.#version = this.script.version;
      } catch (thrown) {
        if (!isStatus(thrown, 409)) throw thrown;
        const now = await ask(api.GET('/api/v1/admin/scripts/{id}', { params }));
        if (now.version === this.#version) throw thrown;
        this.conflict = now;
      }
    });
    if (!went || this.conflict) return false;
    say(`Version ${this.script.version} is live`);
    return true;
  };

  /** Saves it over what another has saved. */
  overwrite = async () => {
    this.script = this.conflict;
    this.#version = this.conflict!.version;
    this.conflict = undefined;
    await this.save();
  };

  /** Takes what another has saved. */
  takeTheirs = () => {
    const mine = this.source;
    this.take(this.conflict!);
    say('The other version is taken', () => {
      this.source = mine;
      keepDraft(this.id, { source: mine, version: this.#version }); // its screen may be left by now
    });
  };

  /** Says what is wrong with a text: what does not compile, and where the last run of it failed. */
  check = async (source: string): Promise<Mark[]> => {
    const marks: Mark[] = [];
    try {
      const found = await ask(api.POST('/api/v1/admin/scripts/{id}/validate', { params: { path: { id: this.id } }, body: { source } }));
      if (found.error) marks.push(markOf(found.error));
    } catch {
      // It is checked when it is saved, too.
    }
    if (this.#failure?.source === unixEnds(source)) marks.push(this.#failure.mark);
    return marks;
  };

  /** Marks where a run of what is saved failed; undefined: it did not. */
  ranInto(error: Schemas['ScriptError'] | undefined) {
    this.#failure = error && { source: unixEnds(this.script?.source ?? ''), mark: markOf(error) };
    if (this.view) markAgain(this.view);
  }

  /** Puts the cursor at a place. */
  goTo(mark: Mark) {
    if (!this.view) return;
    this.view.dispatch({ selection: { anchor: rangeOf(this.view.state.doc, mark).from }, scrollIntoView: true });
    this.view.focus();
  }
}
