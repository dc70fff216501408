import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, launch, login, open, until } from './browser.js';

let browser, token, scripts;
before(async () => {
  browser = await launch();
  token = await login();
  await api('POST', 'apps', { token, body: { slug: 'busy', name: 'Busy' } });
  scripts = {};
  for (const [name, source] of [
    ['well', 'log::info("all went well"); "fine"'],
    ['ill', 'let a = kv::collection("figures").get("a");\n// Here it goes wrong.\na.amount\n'],
    ['caller', 'invoke("ill", #{})'],
  ]) {
    scripts[name] = (await api('POST', 'apps/busy/scripts', { token, body: { name, kind: 'endpoint', source } })).id;
  }
  for (const name of ['well', 'well', 'well', 'caller']) await run(name);
  await until(async () => (await api('GET', 'apps/busy/executions', { token })).items.length === 5); // they are written a moment later
});
after(() => browser.close());

const run = (name) => api('POST', `scripts/${scripts[name]}/run`, { token, body: { request: { method: 'GET', path: `/${name}` } } });
const heading = (page, name, level) => page.getByRole('heading', { name, level, exact: true });

test('by mouse: from the apps over an app to what failed, and to the line where', async (t) => {
  const page = await open(t, browser, { token, path: '/apps' });
  await page.getByRole('img', { name: 'Executions of Busy in the last hour: 5, of which 2 failed' }).waitFor();
  await page.getByRole('link', { name: 'Busy' }).click();
  await heading(page, 'What caused them').scrollIntoViewIfNeeded();
  await page.locator('.uplot').nth(3).waitFor();
  await page.getByText('As a table').first().click();
  await page.getByRole('region', { name: 'Executions, as a table' }).getByRole('row').nth(1).waitFor();

  await page.getByRole('button', { name: '24 h' }).click();
  await page.waitForURL(/range=24h/);
  await page.getByRole('link', { name: 'Errors: 2' }).click();
  await heading(page, 'Executions', 1).waitFor();
  assert.match(page.url(), /executions\?.*outcome=failed/);
  await page.getByRole('row').filter({ hasText: 'ill' }).first().waitFor();
  assert.equal(await page.getByRole('row').filter({ hasText: 'well' }).count(), 0);

  await page.getByRole('row').filter({ has: page.locator('.mono', { hasText: /^ill$/ }) }).click();
  await heading(page, 'ill', 1).waitFor();
  assert.match(await page.locator('.cm-place-line').textContent(), /a\.amount/);
  await page.getByRole('region', { name: 'Waterfall of the calls' }).getByText('kv.get').waitFor();
  await page.getByRole('table', { name: 'Executions with it' }).getByText('invoked it').waitFor();
  await page.locator('dd a').first().click(); // who invoked it
  await heading(page, 'caller', 1).waitFor();
  await page.getByRole('table', { name: 'Executions with it' }).getByText('was invoked by it').waitFor();
});

test('what is typed into one field is not forgotten for the next', async (t) => {
  const page = await open(t, browser, { token, path: '/apps/busy/executions' });
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('searchbox').fill('well');
  await page.getByLabel('Took at most (ms)').fill('60000');
  await page.waitForURL(/text=well.*max_ms=60000/);
});

test('by keyboard: what is looked for is in the address, and there again after going back', async (t) => {
  const page = await open(t, browser, { token, path: '/apps/busy/executions' });
  await page.getByRole('row').nth(5).waitFor();
  await page.getByRole('searchbox').focus();
  await page.keyboard.type('WENT WELL');
  await page.waitForURL(/text=WENT/);
  await page.getByRole('row').filter({ hasText: 'ill' }).first().waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('row').count(), 4); // with the titles
  await page.getByRole('link').filter({ has: page.locator('time') }).first().focus();
  await page.keyboard.press('Enter');
  await heading(page, 'well', 1).waitFor();
  await page.getByText('all went well').waitFor();
  await page.goBack();
  await page.getByRole('row').nth(3).waitFor();
  assert.equal(await page.getByRole('searchbox').inputValue(), 'WENT WELL');
  await page.getByRole('button', { name: 'Clear' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('row').nth(5).waitFor();
});

test('what runs comes into the list while it is followed', async (t) => {
  const page = await open(t, browser, { token, path: '/apps/busy/executions?script=well' });
  await page.getByRole('row').nth(3).waitFor();
  const before = await page.getByRole('row').count();
  await page.getByRole('button', { name: 'Live' }).click();
  await run('well');
  await run('ill'); // of another script
  await page.getByRole('row').nth(before).waitFor();
  assert.equal(await page.getByRole('row').count(), before + 1);
});

test('how the node is, is shown to those who manage it', async (t) => {
  const page = await open(t, browser, { token, path: '/apps' });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Health' }).click();
  await heading(page, 'Caches').waitFor();
  await page.getByText('SQLite').waitFor();
});

test('what failed in any app is in one list, and leads to its error', async (t) => {
  for (const slug of ['left', 'right']) {
    await api('POST', 'apps', { token, body: { slug, name: slug } });
    const script = await api('POST', `apps/${slug}/scripts`, { token, body: { name: `of-${slug}`, source: `throw "no ${slug}"` } });
    await api('POST', `scripts/${script.id}/run`, { token, body: { request: {} } });
  }
  const page = await open(t, browser, { token, path: '/' });
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  const table = page.getByRole('table', { name: 'Failures' });
  for (const slug of ['left', 'right']) await table.getByRole('row').filter({ hasText: `no ${slug}` }).getByRole('link', { name: slug, exact: true }).waitFor();
  await table.getByRole('row').filter({ hasText: 'no left' }).click();
  await page.getByText('no left').first().waitFor();
});
