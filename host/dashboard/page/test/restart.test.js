import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, launch, login, open, restarted } from './browser.js';

// A server that is really stopped and started, while somebody works.
const at = restarted.dashboard;
const expected = [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/];
let browser, token, script;

before(async () => {
  await restarted.start();
  browser = await launch();
  token = await login(at);
  await api('POST', 'apps', { token, at, body: { slug: 'steady' } });
  script = await api('POST', 'apps/steady/scripts', { token, at, body: { name: 'one', source: '"one"' } });
});
after(async () => {
  await browser.close();
  await restarted.stop();
});

const run = () => api('POST', `scripts/${script.id}/run`, { token, at, body: { request: {} } });
const away = (page) => page.getByRole('alert').filter({ hasText: 'does not answer' }).first();

test('what is typed while the server is away is saved when it is back', async (t) => {
  const page = await open(t, browser, { token, at, path: `/apps/steady/scripts/${script.id}`, expected });
  const editor = page.getByRole('textbox', { name: 'Source of one' });
  await editor.click();
  await restarted.stop();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('"two"');
  await page.keyboard.press('Control+s');
  await away(page).waitFor();
  await restarted.start();
  await page.getByText('The page tries again by itself').waitFor({ state: 'detached' });
  await editor.filter({ hasText: '"two"' }).click();
  await page.keyboard.press('Control+s');
  await page.getByText('Version 2 is live').waitFor();
  assert.equal((await api('GET', `scripts/${script.id}`, { token, at })).source, '"two"');
});

test('a screen that was opened while the server was away shows when it is back, and a list that is live goes on', async (t) => {
  await run();
  const page = await open(t, browser, { token, at, path: '/apps/steady/scripts', expected });
  await page.getByRole('link', { name: 'one', exact: true }).waitFor();
  await restarted.stop();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Executions' }).click();
  await away(page).waitFor();
  await restarted.start();
  await page.getByRole('button', { name: 'Live' }).click();
  const rows = page.getByRole('row').filter({ hasText: 'one' });
  await rows.first().waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  const before = await rows.count();
  await page.mouse.move(0, 0); // rows do not come in under a pointer
  await restarted.stop();
  await away(page).waitFor();
  await restarted.start();
  await run();
  await rows.nth(before).waitFor();
});
