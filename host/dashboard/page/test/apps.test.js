import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, everything, keepBack, launch, login, open } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

test('an app is made, found by the palette, and deleted, by mouse and keyboard', async (t) => {
  const page = await open(t, browser, { token, path: '/apps', expected: [/409/] });
  await page.getByRole('button', { name: 'New app' }).click();
  await page.getByLabel('Name').fill('Web shop');
  assert.equal(await page.getByLabel('Slug').inputValue(), 'web-shop');
  await page.getByLabel('Slug').fill('default');
  await page.getByRole('button', { name: 'Create app' }).click();
  await page.locator('[aria-invalid]').waitFor(); // with the words of the API
  await page.getByLabel('Slug').fill('shop');
  await page.getByLabel('Slug').press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Web shop' }).waitFor();
  assert.match(page.url(), /\/apps\/shop$/);

  await page.goto(new URL('/apps', page.url()).href);
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Find a screen').fill('web sh');
  await page.getByRole('option', { name: /Web shop/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Web shop' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();

  await api('PUT', 'apps/shop/kv/settings/a', { token, body: { value: 1 } });
  await page.getByRole('button', { name: 'Delete Web shop' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText('1 kv entry').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Delete app' }).isDisabled());
  await dialog.getByLabel('Type shop to go on').fill('shop');
  await page.keyboard.press('Enter');
  await page.getByText('The app Web shop is deleted').waitFor();
  await page.getByRole('link', { name: 'Web shop' }).waitFor({ state: 'detached' });
  await assert.rejects(api('GET', 'apps/shop', { token }), /404/);
});

test('a script is written and saved; what does not compile is shown with its place; two who save do not undo each other', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'written' } });
  const page = await open(t, browser, { token, path: '/apps/written/scripts', expected: [/422/, /409/] });
  await page.getByRole('button', { name: 'New script' }).first().click();
  await page.getByLabel('Name').fill('greet');
  await page.getByRole('button', { name: 'Create script' }).click();
  const editor = page.getByRole('textbox', { name: 'Source of greet' });
  await editor.waitFor();
  const id = page.url().split('/').at(-1);
  const write = async (text) => {
    await editor.click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(text);
  };
  await write('"good day"');
  await page.getByText('Not saved', { exact: true }).waitFor();
  await page.keyboard.press('Control+s');
  await page.getByText('Version 2 is live').waitFor();
  assert.equal((await api('GET', `scripts/${id}`, { token })).source, '"good day"');

  await write('let x = ;');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'line 1' }).waitFor();
  assert.equal((await api('GET', `scripts/${id}`, { token })).version, 2);

  await api('PUT', `scripts/${id}`, { token, body: { source: '"of somebody else"' } });
  await write('"mine"');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Take theirs' }).waitFor();
  assert.equal((await api('GET', `scripts/${id}`, { token })).source, '"of somebody else"');
});

test('a secret is set and deleted, and its value is nowhere', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'secretive' } });
  const page = await open(t, browser, { token, path: '/apps/secretive/secrets' });
  await page.getByRole('button', { name: 'Set a secret' }).first().click();
  await page.getByLabel('Name').fill('stripe_key');
  await page.getByLabel('Value').fill('sk_live_very_secret');
  await page.getByRole('button', { name: 'Set secret' }).click();
  await page.getByRole('cell', { name: 'stripe_key', exact: true }).waitFor();
  assert.ok(!(await everything(page)).includes('sk_live_very_secret'));

  // What is there is not replaced unasked.
  await page.getByRole('button', { name: 'Set a secret' }).first().click();
  await page.getByLabel('Name').fill('stripe_key');
  await page.getByLabel('Value').fill('another');
  await page.getByRole('button', { name: 'Set secret' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await api('GET', 'apps/secretive/secrets', { token })).items[0].size, 'sk_live_very_secret'.length);
  await page.getByRole('dialog').getByRole('button', { name: 'Set secret' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Replace value' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal((await api('GET', 'apps/secretive/secrets', { token })).items[0].size, 'another'.length);

  await page.getByRole('button', { name: 'Delete stripe_key' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete secret' }).click();
  await page.getByRole('heading', { name: 'No secrets yet' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('cell', { name: 'stripe_key', exact: true }).waitFor();
  assert.equal((await api('GET', 'apps/secretive/secrets', { token })).items.length, 1);
});

test('a list of many rows has only those in sight in the page, and is sorted', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'many' } });
  for (let i = 0; i < 300; i++) await api('POST', 'apps/many/scripts', { token, body: { name: `s${i}`, kind: 'module', source: '' } });
  const page = await open(t, browser, { token, path: '/apps/many/scripts' });
  await page.getByRole('link', { name: 's0', exact: true }).waitFor();
  assert.ok((await page.locator('tbody tr').count()) < 100);
  await page.getByRole('button', { name: 'Name' }).click();
  await page.locator('th[aria-sort="ascending"]').waitFor();
  await page.getByRole('button', { name: 'Name' }).click(); // from the end
  await page.getByRole('link', { name: 's299' }).waitFor();
  await page.mouse.move(700, 500);
  await page.mouse.wheel(0, 100_000);
  await page.getByRole('link', { name: 's0', exact: true }).waitFor();
});

test('a server that is gone is told of, and the page goes on when it is back', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'patient' } });
  const page = await open(t, browser, { token, path: '/apps', expected: [/ERR_INTERNET_DISCONNECTED/] });
  await page.getByRole('link', { name: 'patient' }).waitFor();
  await page.context().setOffline(true);
  await page.getByRole('link', { name: 'patient' }).click();
  await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
  await page.context().setOffline(false);
  await page.getByRole('heading', { level: 1, name: 'patient' }).waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

test('a server that is slow or fails is told of, and the page goes on by itself', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'tired' } });
  await api('PUT', 'apps/tired/secrets/kept', { token, body: { value: 'a value' } });
  const page = await open(t, browser, { token, path: '/apps/tired', expected: [/500/] });
  await page.getByRole('heading', { level: 1, name: 'tired' }).waitFor();
  const address = '**/api/v1/admin/apps/tired/secrets';
  const slow = await keepBack(page, address);
  const secrets = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Secrets' });
  await secrets.click();
  await page.getByRole('status').filter({ hasText: 'takes its time' }).waitFor();
  await slow.answer();
  await page.getByRole('cell', { name: 'kept', exact: true }).waitFor();
  await page.getByText('takes its time').waitFor({ state: 'detached' });

  const problem = '{"title":"Internal Server Error","status":500,"detail":"the disk is full"}';
  await page.route(address, (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: problem }), { times: 1 });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
  await secrets.click();
  await page.getByRole('alert').filter({ hasText: 'the disk is full' }).waitFor();
  await page.getByRole('cell', { name: 'kept', exact: true }).waitFor(); // nobody has tried again
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

test('keys lead to screens, to the search of one, and to the help on them', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'quick', name: 'Quick' } });
  const page = await open(t, browser, { token, path: '/apps/quick' });
  const at = (name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  await at('Quick');
  await page.keyboard.press('g');
  await page.keyboard.press('x');
  await at('Executions');
  await page.keyboard.press('/');
  await page.keyboard.type('g?'); // which is typed, and does nothing else
  assert.equal(await page.getByRole('searchbox').inputValue(), 'g?');
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Go to a screen').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('s'); // the dialog is open
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await at('Executions');
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await at('Scripts');
});
