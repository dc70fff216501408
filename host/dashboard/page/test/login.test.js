import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, dashboard, launch, login, open, totp, user, violations } from './browser.js';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const expected = [/401|404/]; // which browsers tell of in the console

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

test('a session that ends takes nothing away: who logs in again goes on', async (t) => {
  const made = await login();
  await api('POST', 'apps', { token: made, body: { slug: 'lasting' } });
  const script = await api('POST', 'apps/lasting/scripts', { token: made, body: { name: 'one', source: '1' } });
  const page = await open(t, browser, { path: `/apps/lasting/scripts/${script.id}`, expected });
  await fill(page, user);
  await page.getByRole('button', { name: 'Log in' }).click();
  const editor = page.getByRole('textbox', { name: 'Source of one' });
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('"typed"');
  await api('POST', 'auth/logout', { token: (await kept(page)).session });
  await page.keyboard.press('Control+s');
  const again = page.getByRole('dialog', { name: 'Log in again' });
  await again.waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape'); // does not lead behind it
  await again.locator('h1, h2').first().click(); // where nothing has the focus
  await page.keyboard.type('gs?'); // which leads nowhere, nor opens anything behind it
  assert.match(page.url(), new RegExp(script.id));
  assert.equal(await page.getByRole('dialog', { name: 'Keyboard' }).count(), 0);
  await again.getByLabel('Password').focus();
  assert.equal(await again.getByLabel('User name').inputValue(), user.username);
  await page.keyboard.type(user.password); // the field has the focus
  await page.keyboard.press('Enter');
  await again.waitFor({ state: 'detached' });
  await editor.filter({ hasText: '"typed"' }).click();
  await page.keyboard.press('Control+s');
  await page.getByText('Version 2 is live').waitFor();

  // So does a dialog, behind the login.
  await page.goto(`${dashboard}/apps/lasting/secrets`);
  await page.getByRole('button', { name: 'Set a secret' }).first().click();
  await page.getByLabel('Name').fill('key');
  await page.getByLabel('Value').fill('a value');
  await api('POST', 'auth/logout', { token: (await kept(page)).session });
  await page.getByRole('button', { name: 'Set secret' }).click();
  await again.getByLabel('Password').click();
  await page.keyboard.type(user.password);
  await again.getByRole('button', { name: 'Log in', exact: true }).click();
  await again.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Value').inputValue(), 'a value');
  await page.getByRole('button', { name: 'Set secret' }).click();
  await page.getByRole('cell', { name: 'key', exact: true }).waitFor();

  // Somebody else begins anew.
  const noor = { username: 'noor', password: 'a long password of noor' };
  await api('POST', 'users', { token: (await kept(page)).session, body: { ...noor, role: 'member' } });
  await api('POST', 'auth/logout', { token: (await kept(page)).session });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
  await again.getByLabel('User name').fill(noor.username);
  await again.getByLabel('Password').fill(noor.password);
  await again.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('heading', { name: 'Not found' }).waitFor();
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
  await page.locator('[name="code"][aria-invalid="true"]').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel('Code').fill(codes[0]);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  // What a member may not do is not there.
  assert.equal(await page.getByRole('button', { name: 'New app' }).count(), 0);
});
