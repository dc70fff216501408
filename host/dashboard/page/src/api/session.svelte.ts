import type { Schemas } from './client';

const tokenKey = 'picloud.token';
const deviceKey = 'picloud.device';
const outKey = 'picloud.out'; // written when somebody logs out, for the other tabs

/** What the names begin with by which a tab keeps the work of somebody. */
export const keptPrefix = 'picloud.of.';

/** Who works here. The token is this origin's alone; no cookie has it. */
class Session {
  token = $state<string | null>(sessionStorage.getItem(tokenKey) ?? localStorage.getItem(tokenKey));
  me = $state.raw<Schemas['Me']>();

  /** The password of the login, for as long as another has to be set for it. */
  password = '';

  /** What a login is sent with from a browser where somebody has logged in before. */
  get device(): string | undefined {
    return localStorage.getItem(deviceKey) ?? undefined;
  }

  /** Who works here is not known to be [me] any more: the session ended by itself, and nobody has logged in again yet. */
  ended = $state(false);

  /** Takes a login. One that stays is kept when the browser is closed. */
  begin(login: Schemas['Token'], stay: boolean) {
    localStorage.setItem(deviceKey, login.device);
    (stay ? localStorage : sessionStorage).setItem(tokenKey, login.token);
    this.token = login.token;
  }

  /** Takes who the token is of. */
  is(me: Schemas['Me']) {
    this.me = me;
    this.ended = false;
  }

  /**
   * Takes it that the API does not know a token any more. What somebody works at stays, to go on with after another login.
   * A request that was made with the token of a session before says nothing of this one.
   */
  refused(token: string | null) {
    if (!token || token !== this.token) return;
    for (const kept of [sessionStorage, localStorage]) if (kept.getItem(tokenKey) === token) kept.removeItem(tokenKey);
    this.token = null;
    this.ended = !!this.me && !this.mustChange;
    if (!this.ended) this.me = undefined;
  }

  /** Forgets the login of who logs out, and all that this tab keeps of anybody. */
  forget() {
    for (const key of Object.keys(sessionStorage)) if (key === tokenKey || key.startsWith(keptPrefix)) sessionStorage.removeItem(key);
    if (localStorage.getItem(tokenKey)) localStorage.setItem(outKey, String(Date.now()));
    localStorage.removeItem(tokenKey);
    this.token = null;
    this.me = undefined;
    this.ended = false;
    this.password = '';
  }

  /** The password is the one that the server made at its first start: another has to be set. */
  get mustChange(): boolean {
    return !!this.me?.must_change_password;
  }

  /** Reports whether the caller manages the node: users, all apps, the record. */
  get manages(): boolean {
    return this.me?.role === 'owner' || this.me?.role === 'admin';
  }
}

export const session = new Session();

// Whoever logs out in one tab has logged out in all.
addEventListener('storage', ({ key, oldValue, newValue }) => {
  if (key === outKey && !sessionStorage.getItem(tokenKey)) session.forget();
  if (key === tokenKey && !newValue) session.refused(oldValue);
});
