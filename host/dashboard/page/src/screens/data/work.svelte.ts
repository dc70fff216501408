import { wordsOf } from '$/api/problem';

/** Something that takes long: how far it is, and that it can be stopped. One is done at a time. */
export class Work {
  title = $state('');
  /** What is counted: "documents". */
  what = $state('');
  done = $state(0);
  /** How many there are; 0: that is not known. */
  total = $state(0);
  /** It is shown, while it runs and, when it went wrong or has something to say, after that. */
  shown = $state(false);
  running = $state(false);
  error = $state('');
  /** What there is to say at the end. */
  result = $state('');

  #abort: AbortController | undefined;

  /**
   * Runs it. What run returns is said at the end; "": the dialog closes by itself. Reports whether it came to its end. A
   * run looks at the signal, and throws what it has.
   */
  async run(title: string, what: string, run: (signal: AbortSignal) => Promise<string | void>): Promise<boolean> {
    if (this.running) return false;
    const abort = (this.#abort = new AbortController());
    Object.assign(this, { title, what, done: 0, total: 0, error: '', result: '', shown: true, running: true });
    try {
      this.result = (await run(abort.signal)) || '';
      this.shown = this.result !== '';
      return true;
    } catch (thrown) {
      if (abort.signal.aborted) this.result = 'Stopped. What was done until then stays.';
      else this.error = wordsOf(thrown);
      return false;
    } finally {
      this.running = false;
    }
  }

  stop = () => this.#abort?.abort();
}
