import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { first, launch, open } from './browser.js';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const login = (password) =>
  fetch(`${first.dashboard}/api/v1/admin/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username: 'admin', password }) });

test('at the first start the password that the server printed lets in, and has to be changed before anything', async (t) => {
  const page = await open(t, browser, { at: first.dashboard, path: '/apps/default/scripts', expected: [/401|422/] });
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill(first.password);
  await page.getByText('it was free by chance').waitFor();
  assert.ok(await page.getByLabel('Stay signed in').isDisabled());
  await page.getByRole('button', { name: 'Log in' }).click();

  await page.getByRole('heading', { level: 1, name: 'Set your password' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Set your password' }).waitFor(); // nothing leads around it
  await page.getByLabel('Present password').fill(first.password);
  await page.getByLabel('New password').fill('short');
  await page.getByRole('button', { name: 'Set password' }).click();
  await page.locator('[aria-invalid]').waitFor();
  await page.getByLabel('New password').fill('a password of my own');
  await page.keyboard.press('Enter');

  // What was asked for shows: the first script, which answers already.
  await page.getByRole('heading', { level: 1, name: 'Scripts' }).waitFor();
  await page.getByRole('link', { name: 'hello', exact: true }).click();
  await page.getByRole('region', { name: 'Run' }).getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByLabel('Body of the answer').waitFor();
  assert.equal((await login(first.password)).status, 401);
  assert.equal((await login('a password of my own')).status, 200);
});
