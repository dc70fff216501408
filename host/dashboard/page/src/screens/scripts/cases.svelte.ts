import { onDestroy } from 'svelte';

import { api, type Schemas } from '$/api/client';
import { load, type Loaded } from '$/api/load.svelte';
import { isStatus, wordsOf } from '$/api/problem';
import { Form } from '$/parts/form.svelte';
import { complain, say } from '$/parts/toasts.svelte';
import { askExact, exactly, isMap, write } from '$/screens/data/exact';

export type Case = Schemas['ScriptCase'];
type Result = Schemas['RunResult'];

/** What has come of a case: its answer, and why that is not as it should be; undefined: it is. */
export interface Verdict {
  result?: Result;
  reason?: string;
}

/** What a script is tried with. Numbers keep their digits. */
export class Cases {
  readonly loaded: Loaded<Schemas['ScriptCases']>;
  readonly form = new Form();
  verdicts = $state.raw<Record<string, Verdict>>({});
  /** The name of the one that runs. */
  running = $state<string>();

  #gone = false; // the screen was left: no more of them are run

  constructor(readonly script: string) {
    onDestroy(() => (this.#gone = true));
    const params = { path: { id: script } };
    this.loaded = load((signal) => askExact<Schemas['ScriptCases']>(api.GET('/api/v1/admin/scripts/{id}/cases', { params, signal, parseAs: 'text' })));
  }

  get list(): Case[] {
    return this.loaded.data?.items ?? [];
  }

  /** Keeps a case, in the place of the one that has its name, if one has. Reports whether that went well. */
  async save(added: Case): Promise<boolean> {
    const at = this.list.findIndex((c) => c.name === added.name);
    const went = await this.#keep(at < 0 ? [...this.list, added] : this.list.with(at, added));
    if (went) {
      this.verdicts = { ...this.verdicts, [added.name]: {} };
      say(`The case ${added.name} is saved`);
    }
    return went;
  }

  /** Forgets a case. It can be brought back for a moment. */
  async remove(removed: Case) {
    const at = this.list.indexOf(removed);
    if (!(await this.#keep(this.list.filter((c) => c !== removed)))) return;
    say(`The case ${removed.name} is deleted`, async () => {
      if (!(await this.#keep(this.list.toSpliced(at, 0, removed)))) complain(`The case ${removed.name} is not back: ${wordsOf(this.form.error ?? 'the cases are being saved')}`);
    });
  }

  /** Runs all, one after the other. */
  async runAll() {
    if (this.running !== undefined) return;
    this.verdicts = {};
    for (const of of this.list) {
      if (this.#gone) break;
      this.running = of.name;
      const verdict = await this.#run(of);
      this.verdicts = { ...this.verdicts, [of.name]: verdict };
    }
    this.running = undefined;
  }

  /** How many are as they should be, and how many were run. */
  get score(): { good: number; of: number } {
    const ran = Object.values(this.verdicts).filter((v) => v.result ?? v.reason);
    return { good: ran.filter((v) => !v.reason).length, of: ran.length };
  }

  async #run({ request, event, ...should }: Case): Promise<Verdict> {
    const params = { path: { id: this.script } };
    try {
      const body = event ? { event } : { request };
      const result = await askExact<Result>(api.POST('/api/v1/admin/scripts/{id}/run', { params, body, ...exactly, parseAs: 'text' }));
      return { result, reason: unlike(should, result) };
    } catch (thrown) {
      return { reason: wordsOf(thrown) };
    }
  }

  #keep(items: Case[]): Promise<boolean> {
    return this.form.send(async () => {
      if (!this.loaded.data) throw new Error('The cases of the script have not come from the server yet: try it again when they are shown.');
      const params = { path: { id: this.script } };
      const body = { items, version: this.loaded.data.version };
      try {
        this.loaded.data = await askExact<Schemas['ScriptCases']>(api.PUT('/api/v1/admin/scripts/{id}/cases', { params, body, ...exactly, parseAs: 'text' }));
      } catch (thrown) {
        if (!isStatus(thrown, 409)) throw thrown;
        this.loaded.reload();
        throw new Error('Somebody has changed the cases meanwhile. They are shown as they are now: do it again.');
      }
    });
  }
}

/** Tells in what an answer is not as it should be. Where nothing is said of its status, the script must not fail. */
function unlike({ status, body }: Pick<Case, 'status' | 'body'>, result: Result): string | undefined {
  if (status && result.status !== status) return `It answered ${result.status}, not ${status}${result.error ? `: ${result.error.message}` : ''}`;
  if (!status && result.error) return result.error.message;
  if (body !== undefined && !same(body, result.body)) return `It answered another body: ${write(result.body).slice(0, 200)}`;
  return undefined;
}

/** Reports whether two values are the same as JSON. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (isMap(a) && isMap(b)) {
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
  }
  return write(a) === write(b);
}
