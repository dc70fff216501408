const patience = 2500; // milliseconds after which a server is slow

/** Whether the server answers. Requests that may be made again wait here while it does not. */
class Reach {
  /** The server did not answer lately. */
  lost = $state(false);
  /** How often it has come back: what was loaded before is loaded anew. */
  returns = $state(0);

  /** How many requests the server has not answered though it should have. */
  slow = $state(0);

  #waiting: Promise<void> | undefined;
  #anew = false; // what was loaded may be out of date

  /** Waits for an answer, and counts it as slow for as long as it is. */
  async timed<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.slow++;
    }, patience);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      if (late) this.slow--;
    }
  }

  /**
   * Resolves when the server answers again. All who wait share one request that asks. What was loaded is loaded anew if it was
   * gone for a while, or if a request may have changed something: one that fails while the server answers others would have
   * all others made again for ever.
   */
  back(changed = false): Promise<void> {
    this.lost = true;
    this.#anew ||= changed;
    return (this.#waiting ??= this.#ask().finally(() => {
      this.#waiting = undefined;
      this.lost = false;
      if (this.#anew) this.returns++;
      this.#anew = false;
    }));
  }

  async #ask() {
    for (let pause = 500; ; pause = Math.min(2 * pause, 8000), this.#anew = true) {
      await new Promise((done) => setTimeout(done, pause * (0.8 + 0.4 * Math.random())));
      try {
        if ((await fetch('/', { method: 'HEAD', cache: 'no-store' })).ok) return;
      } catch {
        // not yet
      }
    }
  }
}

export const reach = new Reach();
