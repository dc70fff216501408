import { Refused } from '$/api/problem';

/** The state of a form that is sent to the API. */
export class Form {
  busy = $state(false);
  error = $state.raw<unknown>();

  /** Says what is wrong with a field of the body; undefined: nothing is. */
  field(name: string): string | undefined {
    return this.error instanceof Refused ? this.error.field(name) : undefined;
  }

  /** Says what is wrong with a part of the address, as the name of a collection; undefined: nothing is. */
  path(name: string): string | undefined {
    return this.error instanceof Refused ? this.error.at(`path.${name}`) : undefined;
  }

  /** What is wrong that none of the fields shows; undefined: nothing is. */
  other(...shown: string[]): unknown {
    return this.error !== undefined && !shown.some((name) => this.field(name)) ? this.error : undefined;
  }

  /** Sends it, unless it is on its way. Reports whether that went well. */
  async send(request: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.error = undefined;
    try {
      await request();
      return true;
    } catch (thrown) {
      this.error = thrown;
      return false;
    } finally {
      this.busy = false;
    }
  }
}
