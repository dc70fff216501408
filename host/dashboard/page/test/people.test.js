// Settings of an app, of oneself, and of the server's people.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { api, dashboard, everything, focused, launch, login, open, totp } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

const h1 = (page, name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

/** Makes a user who is logged in, and returns the token. */
async function join(username, role = 'member') {
  const password = `a long password of ${username}`;
  await api('POST', 'users', { token, body: { username, password, role } });
  return { password, token: (await api('POST', 'auth/login', { body: { username, password } })).token };
}

test('an app is renamed, has a host and a member, is exported, imported again and deleted', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'bakery', name: 'Bakery' } });
  await api('PUT', 'apps/bakery/kv/settings/a', { token, body: { value: 1 } });
  await api('PUT', 'apps/bakery/secrets/oven', { token, body: { value: 'hot' } });
  await join('berta');
  const page = await open(t, browser, { token, path: '/apps/bakery/settings', expected: [/422/, /404/] });
  await page.getByLabel('Slug').fill('Bad Slug');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByText('lower-case letters').waitFor(); // the words of the API
  await page.getByLabel('Slug').fill('bread');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('button', { name: 'Release bakery' }).waitFor();
  await page.waitForURL(/\/apps\/bread\/settings$/);
  await page.getByRole('button', { name: 'Release bakery' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Release slug' }).click();
  await page.getByRole('button', { name: 'Release bakery' }).waitFor({ state: 'detached' });

  await page.getByRole('link', { name: 'Domains' }).click();
  await page.getByRole('button', { name: 'Claim a host' }).first().click();
  await page.getByRole('textbox', { name: 'Host' }).fill('10.0.0.1');
  await page.keyboard.press('Enter');
  await page.getByText('must be a name').waitFor();
  await page.getByRole('textbox', { name: 'Host' }).fill('*.bread.example');
  await page.keyboard.press('Enter');
  await page.getByRole('cell', { name: '*.bread.example', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Give back *.bread.example' }).click();
  await page.getByText('No hosts yet').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('cell', { name: '*.bread.example', exact: true }).waitFor();

  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Add a member' }).first().click();
  await page.getByLabel('User name').fill('nobody');
  await page.getByRole('button', { name: 'Add member' }).click();
  await page.getByRole('dialog').getByText('user', { exact: false }).filter({ hasText: /not found|no such|unknown/i }).first().waitFor();
  await page.getByLabel('User name').fill('berta');
  await page.getByRole('button', { name: 'Add member' }).click();
  await page.getByRole('button', { name: 'Change the role of berta' }).click();
  await page.getByRole('dialog').getByLabel('Role').focus();
  await page.keyboard.press('ArrowUp'); // which changes nothing yet
  assert.equal((await api('GET', 'apps/bread/members', { token })).items[0].role, 'editor');
  await page.getByRole('button', { name: 'Change role' }).click();
  await page.getByText('berta is viewer now').waitFor();
  assert.deepEqual((await api('GET', 'apps/bread/members', { token })).items.map(({ username, role }) => [username, role]), [['berta', 'viewer']]);

  await page.getByRole('link', { name: 'General' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  assert.equal(download.suggestedFilename(), 'bread.picloud.tar.zst');
  const archive = await readFile(await download.path());
  await page.getByRole('button', { name: 'Delete app' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText('1 kv entry').waitFor();
  await dialog.getByLabel('Type bread to go on').fill('bread');
  await page.keyboard.press('Enter');
  await h1(page, 'Apps');

  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByLabel('Archive').setInputFiles({ name: 'bread.picloud.tar.zst', mimeType: 'application/zstd', buffer: archive });
  assert.equal(await page.getByLabel('Slug').inputValue(), 'bread');
  await page.getByRole('button', { name: 'Import app' }).click();
  await page.getByText('Secrets to set').waitFor();
  await page.getByText('oven').waitFor();
  await page.getByRole('button', { name: 'Open the app' }).click();
  await h1(page, 'Bakery');
  assert.equal((await api('GET', 'apps/bread/kv/settings/a', { token })).value, 1);
});

test('pages of other origins are let in, and shut out by an undo', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'friendly' } });
  const page = await open(t, browser, { token, path: '/apps/friendly/settings', expected: [/422/] });
  const policy = async () => (await api('GET', 'apps/friendly', { token })).cors;
  await page.getByLabel('Origins').fill('a.example');
  await page.getByRole('button', { name: 'Save policy' }).click();
  await page.locator('[aria-invalid]').waitFor(); // next to the list that it is in
  await page.getByLabel('Origins').fill('https://a.example\nhttps://*.b.example');
  await page.getByLabel('Headers that pages may read').fill('X-Total, X-Page');
  await page.getByLabel('Cookies and Authorization').check();
  await page.getByRole('button', { name: 'Save policy' }).click();
  await page.getByText('The policy is saved').waitFor();
  const { origins, expose, credentials } = await policy();
  assert.deepEqual([origins, expose, credentials], [['https://a.example', 'https://*.b.example'], ['x-total', 'x-page'], true]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('No page of another origin may use the app').waitFor();
  assert.equal(await policy(), undefined);
});

test('what is typed into one form stays when another is saved, and an app admin gives up the role knowingly', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'forms', name: 'Forms' } });
  const ines = await join('ines');
  await api('PUT', 'apps/forms/members/ines', { token, body: { role: 'app_admin' } });
  const page = await open(t, browser, { token: ines.token, path: '/apps/forms/settings' });
  await page.getByLabel('Slug').fill('other-forms');
  await page.getByLabel('Origins').fill('https://typed.example');
  await page.getByLabel('Name').fill('Many forms');
  await page.getByRole('button', { name: 'Save name' }).click();
  await h1(page, 'Settings');
  await page.getByRole('link', { name: 'Many forms' }).waitFor(); // the app is loaded again
  assert.equal(await page.getByLabel('Slug').inputValue(), 'other-forms');
  assert.equal(await page.getByLabel('Origins').inputValue(), 'https://typed.example');
  assert.ok(await page.getByRole('button', { name: 'Save name' }).isDisabled());

  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Leave' }).click(); // which is asked once, for both forms
  await page.getByRole('button', { name: 'Change the role of ines' }).click();
  await page.getByText('only another app admin gives back').waitFor();
  await page.getByRole('dialog').getByLabel('Role').selectOption('viewer');
  await page.getByRole('button', { name: 'Change role' }).click();
  await page.getByRole('button', { name: 'Add a member' }).waitFor({ state: 'detached' }); // which she may not do any more
});

test('quotas are set by keyboard, and what cannot be read is told of', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'thrifty' } });
  const page = await open(t, browser, { token, path: '/apps/thrifty/settings/usage' });
  await page.getByLabel('Quota: Documents').focus();
  await page.keyboard.type('much');
  await page.keyboard.press('Enter');
  await page.getByText('must be as 500 MiB').waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('1.5 MiB');
  await page.keyboard.press('Enter');
  await page.getByText('set for this app').waitFor();
  assert.deepEqual((await api('GET', 'apps/thrifty/quota', { token })).set, { docs_bytes: 1.5 * 2 ** 20 });

  // Who may not set them sees them.
  const rosa = await join('rosa');
  await api('PUT', 'apps/thrifty/members/rosa', { token, body: { role: 'viewer' } });
  const hers = await open(t, browser, { token: rosa.token, path: '/apps/thrifty/settings/usage' });
  await hers.getByRole('heading', { name: 'Documents' }).waitFor();
  assert.equal(await hers.getByLabel('Quota: Documents').count(), 0);
  await hers.getByRole('link', { name: 'General' }).click();
  await hers.getByText('You are').waitFor();
  assert.equal(await hers.getByRole('button', { name: 'Delete app' }).count(), 0);
  assert.equal(await hers.getByRole('link', { name: 'Users' }).count(), 0);
});

test('one changes the password, sets up a second factor by keyboard, and ends the other sessions', async (t) => {
  const clara = await join('clara');
  await api('POST', 'auth/login', { body: { username: 'clara', password: clara.password } });
  const page = await open(t, browser, { token: clara.token, path: '/account/sessions', expected: [/422/] });
  await page.getByText('this one').waitFor();
  await page.getByRole('button', { name: 'End all others' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'End sessions' }).click();
  await page.getByText('One session has ended').waitFor();

  await page.getByRole('link', { name: 'Login' }).click();
  await page.getByLabel('Present password').fill('wrong');
  await page.getByLabel('New password').fill('another long password');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('is not your password').waitFor();
  await page.getByLabel('Present password').fill(clara.password);
  await page.getByLabel('Present password').press('Enter');
  await page.getByText('Your password is changed').waitFor();

  await page.getByRole('button', { name: 'Set up' }).focus();
  await page.keyboard.press('Enter');
  await focused(page);
  await page.keyboard.type('another long password');
  await page.keyboard.press('Enter');
  await page.getByRole('img', { name: 'QR code' }).waitFor();
  const secret = (await page.locator('.secret').textContent()).replaceAll(' ', '');
  await page.locator('[name="code"]:focus').waitFor();
  await page.keyboard.type(totp(secret));
  await page.keyboard.press('Enter');
  const codes = (await page.getByRole('textbox', { name: 'Recovery codes' }).inputValue()).split('\n');
  assert.equal(codes.length, 10);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('10 recovery codes left').waitFor();
  await assert.rejects(api('POST', 'auth/login', { body: { username: 'clara', password: 'another long password' } }), /code/);
  await page.getByRole('button', { name: 'Turn off' }).click();
  await page.getByRole('dialog').getByLabel('Your password').fill('another long password');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Set up' }).waitFor();
});

test('a key is made, used, rotated and revoked', async (t) => {
  const dora = await join('dora');
  const page = await open(t, browser, { token: dora.token, path: '/account/keys' });
  await page.getByRole('button', { name: 'New key' }).first().click();
  await page.getByLabel('Name').fill('ci');
  await page.getByLabel('script:read').check();
  await page.getByRole('button', { name: 'Create key' }).click();
  const key = await page.getByLabel('Key', { exact: true }).inputValue();
  assert.deepEqual((await api('GET', 'me', { token: key })).scopes, ['script:read']);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByLabel('Key', { exact: true }).waitFor({ state: 'detached' });
  assert.ok(!(await everything(page)).includes(key));
  await page.getByRole('button', { name: 'Rotate ci' }).click();
  await page.getByLabel('The present one ends').selectOption('At once');
  await page.getByRole('button', { name: 'Rotate key' }).click();
  const next = await page.getByLabel('Key', { exact: true }).inputValue();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await assert.rejects(api('GET', 'me', { token: key }), /401/);
  await api('GET', 'me', { token: next });
  await page.getByRole('button', { name: 'Revoke ci' }).last().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke key' }).click();
  await page.getByText('The key ci is revoked').waitFor();
});

test('somebody is invited, comes in by the link, is deactivated and comes back; the audit has it', async (t) => {
  const page = await open(t, browser, { token, path: '/users' });
  await page.getByRole('button', { name: 'Invite a user' }).click();
  await page.getByLabel('User name').fill('emil');
  await page.keyboard.press('Enter');
  const link = await page.getByLabel('Link', { exact: true }).inputValue();
  assert.ok(link.startsWith(`${dashboard}/invite#pcv_`), link);
  await page.getByRole('button', { name: 'I have sent it' }).click();

  const his = await open(t, browser, { path: link.slice(dashboard.length), expected: [/401/, /422/] });
  await his.getByLabel('Password', { exact: true }).fill('short');
  await his.getByLabel('Once more').fill('short');
  await his.keyboard.press('Enter');
  await his.locator('[aria-invalid]').waitFor();
  await his.getByLabel('Password', { exact: true }).fill('a long password of emil');
  await his.getByLabel('Once more').fill('a long password of emil');
  await his.keyboard.press('Enter');
  await h1(his, 'Apps');
  assert.ok(!his.url().includes('pcv_'));
  const again = await open(t, browser, { path: link.slice(dashboard.length), expected: [/401/] });
  await again.getByLabel('Password', { exact: true }).fill('a long password of eve');
  await again.getByLabel('Once more').fill('a long password of eve');
  await again.keyboard.press('Enter');
  await again.getByRole('heading', { name: 'This invite does not count' }).waitFor();

  await page.getByRole('link', { name: 'emil' }).click();
  await h1(page, 'emil');
  await page.getByLabel('Role').selectOption('admin');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Change role' }).click();
  await page.getByText('The user is changed').waitFor();
  await page.getByRole('button', { name: 'Deactivate user' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Deactivate user' }).click();
  await page.getByRole('button', { name: 'Reactivate user' }).click();
  await page.getByText('active', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Reset password' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Reset password' }).click();
  assert.match(await page.getByLabel('Link', { exact: true }).inputValue(), /#pcv_/);
  await page.getByRole('button', { name: 'I have sent it' }).click();

  await page.goto(`${dashboard}/audit`);
  await page.getByLabel('Action').fill('update-user');
  await page.getByLabel('Action').press('Enter');
  await page.getByRole('button', { name: 'update-user' }).first().click();
  const row = page.getByRole('dialog').getByRole('row').filter({ hasText: 'role' });
  await row.waitFor();
  assert.deepEqual(await row.locator('th, td').allTextContents(), ['role', 'member', 'admin']);
  await page.keyboard.press('Escape');
  await page.waitForURL(/\?action=update-user$/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export what is filtered' }).click()]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.length && lines.every((line) => line.action === 'update-user'));
});

test('a backup is saved, and keys are rotated', async (t) => {
  const page = await open(t, browser, { token, path: '/backup' });
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save a backup' }).click()]);
  const magic = (await readFile(await download.path())).subarray(0, 4).toString('hex');
  assert.equal(magic, '28b52ffd'); // of zstd
  await page.getByRole('button', { name: 'Seal all anew' }).click();
  await page.getByRole('status').filter({ hasText: 'sealed anew' }).waitFor();
});

test('a key that is shown once is not lost by a step back, unasked', async (t) => {
  const page = await open(t, browser, { token, path: '/account' });
  await page.getByRole('link', { name: 'API keys' }).first().click();
  await page.getByRole('button', { name: 'New key' }).first().click();
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('once');
  await page.getByRole('dialog').getByRole('checkbox').first().check();
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  const shown = page.getByRole('dialog').filter({ hasText: 'It is shown only now' });
  await shown.waitFor();
  await page.goBack();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  await shown.getByRole('button', { name: 'I have kept it' }).click();
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'Your account' }).waitFor();
});
