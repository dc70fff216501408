import { each } from '$/api/many';
import { confirm } from '$/parts/confirm.svelte';

import { parse } from './exact';
import type { Work } from './work.svelte';

// Lines of JSON, as `picloud kv export` and `picloud docs export` write them.

/** Returns a name for a file, made of others that may have anything in them. */
export function fileName(...words: string[]): string {
  return words.join('-').replace(/[^\p{L}\p{N}._-]+/gu, '_');
}

const longest = 16 * 2 ** 20; // characters of a line

async function* linesOf(file: File): AsyncGenerator<string> {
  let rest = '';
  const reader = file.stream().pipeThrough(new TextDecoderStream('utf-8', { fatal: true })).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (value ?? '').split('\n');
    lines[0] = rest + lines[0];
    rest = done ? '' : lines.pop()!;
    if (rest.length > longest) throw new Error('A line is longer than 16 MiB: these are no lines of JSON');
    yield* lines;
    if (done) return;
  }
}

const batch = 60; // lines

/**
 * Writes each line of a file by keep. keyOf names what a line is of: lines of one key are written in their order, "" is
 * none. The error of a line says which it was.
 */
export async function importLines(file: File, work: Work, signal: AbortSignal, keyOf: (item: unknown) => string, keep: (item: unknown) => Promise<unknown>): Promise<void> {
  interface Line {
    number: number;
    item: unknown;
  }
  let lines: Line[] = [];
  const keys = new Set<string>();
  const write = async () => {
    await each(lines, signal, async ({ number, item }) => {
      try {
        await keep(item);
      } catch (thrown) {
        signal.throwIfAborted();
        throw atLine(number, thrown);
      }
      work.done++;
    });
    lines = [];
    keys.clear();
  };
  const atLine = (number: number, thrown: unknown) => new Error(`Line ${number}: ${thrown instanceof Error ? thrown.message : thrown}`);
  let number = 0;
  for await (const text of linesOf(file)) {
    number++;
    if (!text.trim()) continue;
    let item: unknown;
    let key: string;
    try {
      item = parse(text);
      key = keyOf(item);
    } catch (thrown) {
      await write();
      throw atLine(number, thrown);
    }
    if (lines.length >= batch || keys.has(key)) await write();
    lines.push({ number, item });
    if (key) keys.add(key);
  }
  await write();
}

/** Asks before what is in a collection is replaced by what a file has of the same keys. */
export function mayReplace(file: File, what: string, collection: string): Promise<boolean> {
  const text = `What is in ${collection} stays, but ${what} of which the file has another are replaced, and cannot be brought back.`;
  return confirm({ title: `Import ${file.name} into ${collection}?`, text, action: 'Import' });
}

/** Asks for a file of the computer; undefined: none was chosen. */
export function chooseFile(accept: string): Promise<File | undefined> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = accept;
    input.onchange = () => resolve(input.files?.[0]);
    input.oncancel = () => resolve(undefined);
    input.click();
  });
}
