// What happens between two screens: nothing of the one is shown or done under the address of the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, launch, login, open } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
  for (const slug of ['here', 'there']) await api('POST', 'apps', { token, body: { slug, name: slug } });
});
after(() => browser.close());

/** Follows a link that the page could have. */
const follow = (page, href) =>
  page.evaluate((href) => {
    const link = Object.assign(document.createElement('a'), { href });
    document.body.append(link);
    link.click();
    link.remove();
  }, href);

test('an app that is gone shows nothing of the one before', async (t) => {
  await api('PUT', 'apps/here/secrets/kept', { token, body: { value: 'a value' } });
  const page = await open(t, browser, { token, path: '/apps/here/secrets', expected: [/404/] });
  await page.getByRole('cell', { name: 'kept', exact: true }).waitFor();
  await follow(page, '/apps/gone/secrets');
  await page.getByRole('heading', { name: 'Not found' }).waitFor();
  assert.equal(await page.getByRole('cell', { name: 'kept', exact: true }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Delete kept' }).count(), 0);
  await follow(page, '/apps/there/secrets');
  await page.getByText('No secrets yet').waitFor();
});

test('an app that is being loaded shows nothing of the one before', async (t) => {
  await api('PUT', 'apps/here/secrets/kept', { token, body: { value: 'a value' } });
  const page = await open(t, browser, { token, path: '/apps/here/secrets' });
  await page.getByRole('button', { name: 'Delete kept' }).waitFor();
  let answer;
  await page.route('**/api/v1/admin/apps/there', (route) => (answer = () => route.continue()));
  const asked = page.waitForRequest('**/api/v1/admin/apps/there');
  await follow(page, '/apps/there/secrets');
  await asked;
  assert.equal(await page.getByRole('button', { name: 'Delete kept' }).count(), 0);
  await answer();
  await page.getByText('No secrets yet').waitFor();
});

test('a question is not answered on another screen', async (t) => {
  for (const slug of ['here', 'there']) await api('PUT', `apps/${slug}/secrets/same`, { token, body: { value: 'a value' } });
  const page = await open(t, browser, { token, path: '/apps/there/secrets' });
  await page.getByRole('cell', { name: 'same', exact: true }).waitFor();
  await follow(page, '/apps/here/secrets');
  await page.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor();
  await page.getByRole('button', { name: 'Delete same' }).click();
  await page.getByRole('alertdialog').waitFor();
  await page.goBack();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  for (const slug of ['here', 'there']) {
    const { items } = await api('GET', `apps/${slug}/secrets`, { token });
    assert.ok(items.some((secret) => secret.name === 'same'), slug);
    await api('DELETE', `apps/${slug}/secrets/same`, { token });
  }
});

test('from one script to the next is another script', async (t) => {
  const [one, two] = await Promise.all(['one', 'two'].map((name) => api('POST', 'apps/here/scripts', { token, body: { name, source: `"${name}"` } })));
  const page = await open(t, browser, { token, path: `/apps/here/scripts/${one.id}` });
  await page.getByRole('textbox', { name: 'Source of one' }).filter({ hasText: '"one"' }).waitFor();
  await follow(page, `/apps/here/scripts/${two.id}`);
  await page.getByRole('textbox', { name: 'Source of two' }).filter({ hasText: '"two"' }).waitFor();
  await page.goBack();
  await page.getByRole('textbox', { name: 'Source of one' }).filter({ hasText: '"one"' }).waitFor();
});

test('a tab in the background has loaded when it is looked at', async (t) => {
  const page = await open(t, browser);
  await page.context().addInitScript(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => !window.looked });
  });
  await page.evaluate((token) => sessionStorage.setItem('picloud.token', token), token);
  await page.goto(new URL('/apps/here', page.url()).href);
  await page.getByRole('heading', { level: 1, name: 'here' }).waitFor();
  await page.getByText('Documents').waitFor(); // which is loaded again and again, elsewhere
});
