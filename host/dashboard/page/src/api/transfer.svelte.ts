import { Refused, Unreachable, refusalOf } from './problem';
import { session } from './session.svelte';

/** What is on its way from the server or to it, and takes its time. */
export class Transfer {
  /** Bytes that have come or gone; undefined: nothing is on its way. */
  bytes = $state<number>();
  error = $state.raw<unknown>();
  #stop: (() => void) | undefined;

  get busy(): boolean {
    return this.bytes !== undefined;
  }

  /** Breaks it off. */
  stop = () => this.#stop?.();

  /**
   * Saves what a request is answered, under the name that the answer has. The request is made with `parseAs: 'stream'`
   * and the signal. Reports whether all has come.
   */
  async save(request: (signal: AbortSignal) => Promise<{ response: Response; error?: unknown }>, otherwise: string): Promise<boolean> {
    const abort = new AbortController();
    return this.#run(abort.signal, () => abort.abort(), async () => {
      const { response, error } = await request(abort.signal);
      if (!response.ok) throw await refusalOf(response, error);
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      try {
        const reader = response.body!.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          chunks.push(value);
          this.bytes! += value.byteLength;
        }
      } catch (thrown) {
        if (abort.signal.aborted) throw thrown;
        throw new Error('The server broke off before the end, so nothing is saved. Its log says why.');
      }
      save(new Blob(chunks, { type: response.headers.get('Content-Type') ?? undefined }), nameOf(response) ?? otherwise);
    });
  }

  /** Sends a file, and calls done with what that is answered. */
  async send<Answer>(address: string, file: Blob, type: string, done: (answer: Answer) => void): Promise<boolean> {
    const abort = new AbortController();
    return this.#run(abort.signal, () => abort.abort(), async () => {
      done(await send<Answer>(address, file, type, abort.signal, (bytes) => (this.bytes = bytes)));
    });
  }

  /** What is wrong with a part of the address; undefined: nothing is. */
  path(name: string): string | undefined {
    return this.error instanceof Refused ? this.error.at(`path.${name}`) : undefined;
  }

  async #run(signal: AbortSignal, stop: () => void, work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.bytes = 0;
    this.error = undefined;
    this.#stop = stop;
    try {
      await work();
      return true;
    } catch (thrown) {
      if (!signal.aborted) this.error = thrown;
      return false;
    } finally {
      this.bytes = undefined;
    }
  }
}

/** Sends a file, and returns what that is answered. sent is told how many bytes have gone. */
export async function send<Answer>(address: string, file: Blob, type: string, signal: AbortSignal, sent: (bytes: number) => void): Promise<Answer> {
  const { token } = session;
  const request = new XMLHttpRequest(); // fetch does not tell how much is sent
  const status = await new Promise<number>((resolve, reject) => {
    request.open('POST', address);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', type);
    request.upload.onprogress = (event) => sent(event.loaded);
    request.onload = () => resolve(request.status);
    request.onerror = () => reject(new Unreachable());
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
  const body = read(request.responseText);
  if (status >= 200 && status < 300) return body as Answer;
  if (status === 401) session.refused(token);
  throw await refusalOf(new Response(null, { status, statusText: request.statusText }), body);
}

/** Has the browser save something as a file. */
export function save(content: Blob, name: string) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function nameOf(response: Response): string | undefined {
  return /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1];
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
