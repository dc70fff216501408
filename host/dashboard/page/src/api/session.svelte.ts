import type { Schemas } from './client';

const tokenKey = 'picloud.token';
const deviceKey = 'picloud.device';

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

  /** Takes a login. One that stays is kept when the browser is closed. */
  begin(login: Schemas['Token'], stay: boolean) {
    localStorage.setItem(deviceKey, login.device);
    (stay ? localStorage : sessionStorage).setItem(tokenKey, login.token);
    this.token = login.token;
  }

  /** Forgets the login, which has ended or will. */
  forget() {
    sessionStorage.removeItem(tokenKey);
    localStorage.removeItem(tokenKey);
    this.token = null;
    this.me = undefined;
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
addEventListener('storage', (event) => {
  if (event.key === tokenKey && !event.newValue && !sessionStorage.getItem(tokenKey)) session.forget();
});
