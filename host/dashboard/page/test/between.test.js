// What happens between two screens: nothing of the one is shown or done under the address of the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, keepBack, launch, login, open, user } from './browser.js';

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
  const app = await keepBack(page, '**/api/v1/admin/apps/there');
  await follow(page, '/apps/there/secrets');
  await app.asked();
  assert.equal(await page.getByRole('button', { name: 'Delete kept' }).count(), 0);
  await app.answer();
  await page.getByText('No secrets yet').waitFor();
});

test('a question is not answered on another screen', async (t) => {
  for (const slug of ['here', 'there']) await api('PUT', `apps/${slug}/secrets/same`, { token, body: { value: 'a value' } });
  await api('PUT', 'apps/here/secrets/only_here', { token, body: { value: 'a value' } });
  const page = await open(t, browser, { token, path: '/apps/there/secrets' });
  await page.getByRole('cell', { name: 'same', exact: true }).waitFor();
  await follow(page, '/apps/here/secrets');
  await page.getByRole('cell', { name: 'only_here', exact: true }).waitFor();
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

test('a question is not answered where the same screen lists something else', async (t) => {
  for (const key of ['a1', 'b1']) await api('PUT', `apps/here/kv/keys/${key}`, { token, body: { value: 1 } });
  const page = await open(t, browser, { token, path: '/apps/here/data/kv/keys' });
  await page.getByRole('link', { name: 'b1', exact: true }).waitFor();
  await follow(page, '/apps/here/data/kv/keys?prefix=a');
  await page.getByRole('link', { name: 'b1', exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Delete all with this prefix' }).click();
  await page.getByRole('alertdialog').waitFor();
  await page.goBack();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'b1', exact: true }).waitFor();
  assert.equal((await api('GET', 'apps/here/kv/keys', { token })).items.length, 2);
});

test('Back that is refused leaves the screen and its address', async (t) => {
  await api('PUT', 'apps/here/kv/kept/a', { token, body: { value: 1 } });
  const page = await open(t, browser, { token, path: '/apps/here' });
  const at = (name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  await at('here');
  await follow(page, '/apps/here/secrets');
  await at('Secrets');
  await page.goBack(); // a step that nothing blocks
  await at('here');
  await follow(page, '/apps/here/data/kv/kept?prefix=a');
  await at('kept');
  await page.getByLabel('Keys that begin with').fill('');
  await page.waitForURL(/kept$/);
  await page.getByRole('link', { name: 'a', exact: true }).click();
  await at('a');
  await page.locator('h1:focus', { hasText: /^a$/ }).waitFor(); // for who cannot see
  await page.getByRole('button', { name: 'In a day' }).click();
  for (let i = 0; i < 2; i++) {
    await page.goBack();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
    await page.waitForURL(/kept\/a$/);
    await page.getByText('Not saved').waitFor();
  }
  await page.goBack();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Leave' }).click();
  await at('kept');
  await page.goBack();
  await at('here');
});

test('a link opens a tab of its own when that is asked for', async (t) => {
  const page = await open(t, browser, { token, path: '/apps/here' });
  const [tab] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'Secrets', exact: true }).click({ modifiers: ['ControlOrMeta'] }),
  ]);
  await tab.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor();
  assert.match(page.url(), /apps\/here$/);
});

test('what is sorted is all that there is, not what is loaded', async (t) => {
  for (let i = 0; i <= 200; i++) await api('PUT', `apps/there/topics/t${String(i).padStart(3, '0')}`, { token, body: { access: 'token' } });
  const page = await open(t, browser, { token, path: '/apps/there/events/topics' });
  const first = page.getByRole('table', { name: 'Topics open to outside' }).getByRole('row').nth(1);
  await first.getByText('t000', { exact: true }).waitFor();
  const title = page.getByRole('button', { name: 'Topic', exact: true });
  await title.click();
  await page.locator('th[aria-sort="ascending"]').waitFor();
  await title.click();
  await first.getByText('t200', { exact: true }).waitFor();
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

test('what is on its way ends with the login', async (t) => {
  const page = await open(t, browser, { token: await login(), path: '/apps/here/data/files/photos' });
  await page.getByRole('button', { name: 'Upload', exact: true }).waitFor();
  await page.route('**/files/photos?name=*', () => {}); // it is never answered
  await page.getByLabel('Files to upload').setInputFiles({ name: 'cat.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('a cat') });
  const uploads = page.getByRole('region', { name: 'Uploads' });
  await uploads.getByText('cat.jpg').waitFor();
  const brokenOff = page.waitForEvent('requestfailed', (request) => request.url().includes('cat.jpg'));
  await page.getByRole('button', { name: user.username }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await brokenOff;
  await page.getByLabel('User').fill(user.username);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Upload', exact: true }).waitFor();
  assert.equal(await uploads.count(), 0);
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
