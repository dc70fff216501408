import { untrack } from 'svelte';

import type { Schemas } from '$/api/client';
import { session } from '$/api/session.svelte';
import { send } from '$/api/transfer.svelte';

/** A file on its way to the server. */
export interface Upload {
  id: number;
  name: string;
  size: number;
  /** Bytes that are sent. */
  sent: number;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'stopped';
  error?: unknown;
  /** What it is on the server, when it is there. */
  file?: Schemas['File'];
  stop: () => void;
}

const atOnce = 3;

/** The uploads to a collection, which go on while other screens are shown. */
export class Uploads {
  items = $state<Upload[]>([]);
  /** How often none was on its way any more: what was listed before lacks what has arrived. */
  rounds = $state(0);
  #queue: (() => void)[] = [];
  #running = 0;

  constructor(readonly address: string) {}

  get busy(): boolean {
    return this.items.some((u) => u.state === 'waiting' || u.state === 'running');
  }

  /** Adds files. done is called when none is on its way any more. */
  add(files: Iterable<File>, done: () => void) {
    for (const file of files) {
      this.items.push({ id: ++last, name: file.name, size: file.size, sent: 0, state: 'waiting', stop: () => {} });
      const upload = this.items.at(-1)!;
      upload.stop = () => (upload.state = 'stopped');
      this.#queue.push(() => this.#send(upload, file, done));
    }
    this.#next();
  }

  /** Breaks off all, and forgets them. */
  end() {
    for (const upload of this.items) upload.stop();
    this.clear();
  }

  /** Forgets those that are not on their way. */
  clear() {
    this.items = this.items.filter((u) => u.state === 'waiting' || u.state === 'running');
  }

  #next() {
    while (this.#running < atOnce && this.#queue.length) this.#queue.shift()!();
  }

  async #send(upload: Upload, file: File, done: () => void) {
    if (upload.state !== 'waiting') return;
    this.#running++;
    upload.state = 'running';
    const abort = new AbortController();
    upload.stop = () => abort.abort();
    const address = `${this.address}?${new URLSearchParams({ name: file.name })}`;
    try {
      upload.file = await send<Schemas['File']>(address, file, file.type || 'application/octet-stream', abort.signal, (bytes) => (upload.sent = bytes));
      upload.sent = upload.size;
      upload.state = 'done';
    } catch (thrown) {
      upload.state = abort.signal.aborted ? 'stopped' : 'failed';
      upload.error = abort.signal.aborted ? undefined : thrown;
    }
    this.#running--;
    this.#next();
    if (this.busy) return;
    this.rounds++;
    done();
  }
}

let last = 0;

const all = new Map<string, Uploads>();

/** Returns the uploads to a collection, by the address of its API. */
export function uploadsTo(address: string): Uploads {
  let uploads = all.get(address);
  if (!uploads) all.set(address, (uploads = new Uploads(address)));
  return uploads;
}

addEventListener('beforeunload', (event) => {
  if ([...all.values()].some((uploads) => uploads.busy)) event.preventDefault();
});

// They are of who is logged in.
let mine = session.me?.user_id;
$effect.root(() => {
  $effect(() => {
    if (session.me?.user_id === mine) return;
    mine = session.me?.user_id;
    for (const uploads of all.values()) untrack(() => uploads.end());
    all.clear();
  });
});

/** Returns the files of a drop, those in its folders too. */
export async function dropped(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const files: File[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      files.push(await new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)); // 100 at a time
      if (!some.length) return;
      for (const one of some) await visit(one);
    }
  };
  for (const entry of entries) await visit(entry);
  return files;
}
