import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, launch, login, open, site } from './browser.js';

// The main jobs of screens whose other tests use the mouse, by the keyboard alone.
let browser, token, script;
before(async () => {
  browser = await launch();
  token = await login();
  await api('POST', 'apps', { token, body: { slug: 'typed', name: 'Typed' } });
  script = await api('POST', 'apps/typed/scripts', { token, body: { name: 'one', source: '"one"' } });
  await api('PUT', `scripts/${script.id}`, { token, body: { source: '"two"' } });
});
after(() => browser.close());

const at = (path) => `/apps/typed${path}`;

/** Presses a button or follows a link. */
async function press(page, name, { role = 'button', inside = page, key = 'Enter' } = {}) {
  await inside.getByRole(role, { name, exact: true }).first().focus();
  await page.keyboard.press(key);
}

/** Types into fields of a dialog, and sends it. */
async function send(page, fields, button) {
  const dialog = page.getByRole('dialog');
  for (const [label, text] of Object.entries(fields)) {
    await dialog.getByLabel(label, { exact: true }).focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.type(text);
  }
  await press(page, button, { inside: dialog });
  await dialog.waitFor({ state: 'detached' });
}

test('a script is made', async (t) => {
  const page = await open(t, browser, { token, path: at('/scripts') });
  await press(page, 'New script');
  await send(page, { Name: 'made/by-keys' }, 'Create script');
  await page.getByRole('textbox', { name: 'Source of made/by-keys' }).waitFor();
});

test('a route is made, asked for, and deleted', async (t) => {
  const page = await open(t, browser, { token, path: at('/routes') });
  await press(page, 'New route');
  await send(page, { Path: '/typed/:name' }, 'Create route');
  await page.getByRole('cell', { name: '/typed/:name', exact: true }).waitFor();
  assert.equal((await fetch(`${site}/typed/x`)).status, 200);
  await page.getByLabel('Path of the request').focus();
  await page.keyboard.type('/typed/Ada');
  await page.getByText('name = Ada').waitFor();
  await press(page, 'Delete GET /typed/:name');
  await page.getByRole('heading', { name: 'No routes yet' }).waitFor();
  await page.keyboard.press('u');
  await page.getByRole('cell', { name: '/typed/:name', exact: true }).waitFor();
});

test('a script is rolled back', async (t) => {
  const page = await open(t, browser, { token, path: at(`/scripts/${script.id}/versions`) });
  await press(page, 'Compare version 1');
  await press(page, 'Roll back to version 1');
  await page.getByText('Version 3 is live').waitFor();
  assert.equal((await api('GET', `scripts/${script.id}`, { token })).source, '"one"');
});

test('settings of a script are saved', async (t) => {
  const page = await open(t, browser, { token, path: at(`/scripts/${script.id}/settings`) });
  await page.getByRole('spinbutton', { name: 'Timeout' }).focus();
  await page.keyboard.type('2000');
  await page.keyboard.press('Enter');
  await page.getByText('is live').waitFor();
  assert.equal((await api('GET', `scripts/${script.id}`, { token })).limits.timeout_ms, 2000);
});

test('a secret is set, and deleted after a question', async (t) => {
  const page = await open(t, browser, { token, path: at('/secrets') });
  await press(page, 'Set a secret');
  await send(page, { Name: 'api_key', Value: 'a value' }, 'Set secret');
  await page.getByRole('cell', { name: 'api_key', exact: true }).waitFor();
  await press(page, 'Delete api_key');
  await press(page, 'Delete secret', { inside: page.getByRole('alertdialog') });
  await page.getByRole('heading', { name: 'No secrets yet' }).waitFor();
});

test('a host is claimed, and a member added', async (t) => {
  await api('POST', 'users', { token, body: { username: 'typist', password: 'a long password of theirs', role: 'member' } });
  const page = await open(t, browser, { token, path: at('/settings/domains') });
  await press(page, 'Claim a host');
  await send(page, { Host: 'typed.example' }, 'Claim host');
  await page.getByRole('cell', { name: 'typed.example', exact: true }).waitFor();
  await press(page, 'Members', { role: 'link' });
  await press(page, 'Add a member');
  await send(page, { 'User name': 'typist' }, 'Add member');
  await page.getByRole('cell', { name: 'typist', exact: true }).waitFor();
});

test('a document is made in a dialog, whose editor lets Tab lead on', async (t) => {
  const page = await open(t, browser, { token, path: at('/data/docs') });
  await press(page, 'New document');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Collection', { exact: true }).focus();
  await page.keyboard.type('notes');
  await dialog.getByRole('textbox', { name: 'Data' }).focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('{"title": "typed"}');
  await page.keyboard.press('Tab');
  await press(page, 'Create document', { inside: dialog });
  await page.getByText('The document is there').waitFor();
  assert.equal((await api('GET', 'apps/typed/docs/notes', { token })).items[0].data.title, 'typed');
});

test('the overview shows other times', async (t) => {
  const page = await open(t, browser, { token, path: at('') });
  await page.getByRole('heading', { level: 1, name: 'Typed' }).waitFor();
  for (const [name, range] of [['15 min', '15m'], ['6 h', '6h'], ['24 h', '24h'], ['7 days', '7d'], ['30 days', '30d']]) {
    await press(page, name, { key: 'Space' });
    await page.waitForURL(new RegExp(`range=${range}`));
  }
});

test('the theme of the menu is that of the page, whatever the system has', async (t) => {
  const page = await open(t, browser, { token, path: '/apps' });
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await press(page, 'admin');
  await page.locator('[role="menu"]:focus, [role="menu"] :focus').waitFor();
  await page.getByRole('menuitemradio', { name: 'Dark' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitemradio', { name: 'Dark', checked: true }).waitFor();
  assert.notEqual(await ground(), light);
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  assert.notEqual(await ground(), light); // it is kept
});
