import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { api, dashboard, launch, login, open, user } from './browser.js';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const expected = [/401/]; // which browsers tell of in the console

async function fill(page, { username, password }) {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
}

const kept = (page) => page.evaluate(() => ({ session: sessionStorage.getItem('picloud.token'), local: localStorage.getItem('picloud.token') }));

test('a wrong password is refused in the words of the API', async (t) => {
  const page = await open(t, browser, { expected });
  await fill(page, { ...user, password: 'wrong' });
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').filter({ hasText: 'password' }).waitFor();
  assert.deepEqual(await kept(page), { session: null, local: null });
});

test('a login lasts as long as the tab, and ends by logging out', async (t) => {
  const page = await open(t, browser, { path: '/apps/default/secrets', expected });
  await page.getByLabel('User name').focus();
  await page.keyboard.type(user.username);
  await page.keyboard.press('Tab');
  await page.keyboard.type(user.password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor(); // where the address leads
  const { session, local } = await kept(page);
  assert.match(session, /^pcs_/);
  assert.equal(local, null);
  assert.deepEqual(await page.context().cookies(), []);
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor();

  await page.getByRole('button', { name: user.username }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
  assert.deepEqual(await kept(page), { session: null, local: null });
  await assert.rejects(api('GET', 'me', { token: session }), /401/);
});

test('who stays signed in is so in a new tab, until logging out in one', async (t) => {
  const page = await open(t, browser, { expected });
  await fill(page, user);
  await page.getByLabel('Stay signed in').check();
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  const { session, local } = await kept(page);
  assert.equal(session, null);
  assert.match(local, /^pcs_/);
  const other = await page.context().newPage();
  await other.goto(dashboard);
  await other.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  await other.getByRole('button', { name: user.username }).click();
  await other.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
});

test('a session that has ended leads to the login', async (t) => {
  const token = await login();
  const page = await open(t, browser, { token, path: '/apps', expected });
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  await api('POST', 'auth/logout', { token });
  await page.getByRole('link', { name: 'Default' }).click({ timeout: 2000 }).catch(() => {}); // unless the page has noticed before
  await page.getByLabel('Password').waitFor();
});

test('a second factor is asked for when it is on', async (t) => {
  const token = await login();
  const ada = { username: 'ada', password: 'a long password of ada' };
  await api('POST', 'users', { token, body: { ...ada, role: 'member' } });
  const hers = (await api('POST', 'auth/login', { body: ada })).token;
  const { secret } = await api('POST', 'me/totp', { token: hers, body: { password: ada.password } });
  const { codes } = await api('POST', 'me/totp:confirm', { token: hers, body: { code: totp(secret) } });

  const page = await open(t, browser, { expected });
  await fill(page, ada);
  assert.equal(await page.getByLabel('Code').count(), 0);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel('Code').fill('000000');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('code', { exact: false }).first().waitFor();
  await page.getByLabel('Code').fill(codes[0]);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  // What a member may not do is not there.
  assert.equal(await page.getByRole('button', { name: 'New app' }).count(), 0);
});

/** Returns the code of an authenticator (RFC 6238). */
function totp(secret) {
  const bits = [...secret.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
