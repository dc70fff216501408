import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { api, dashboard, focused, keepBack, launch, login, open, until, upload } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

async function app(slug) {
  await api('POST', 'apps', { token, body: { slug } });
  return `/apps/${slug}/data`;
}

const get = (path) => api('GET', path, { token });
const isMissing = (path) => assert.rejects(get(path), /404/);

/** Reads an answer of the API as it is written. */
async function text(path) {
  return (await fetch(`${dashboard}/api/v1/admin/${path}`, { headers: { Authorization: `Bearer ${token}` } })).text();
}

/** Replaces what an editor has. */
async function write(page, name, text) {
  await page.getByRole('textbox', { name, exact: true }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
}

/** Does something of the menu of what is seldom done. */
async function more(page, name) {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name }).click();
}

/** Returns what the browser saves when something is done. */
async function saved(page, act) {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

/** Chooses a file where the page asks for one. */
async function choose(page, file, act) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), act()]);
  await chooser.setFiles(file);
}

// Each has an app of its own, and the browser waits more than it works.
describe('data', { concurrency: 3 }, () => {
  test('an entry is made and changed by the keyboard, and keeps the digits of its numbers', async (t) => {
    const path = await app('keyed');
    const page = await open(t, browser, { token, path, expected: [/409/] });
    await page.getByRole('heading', { name: 'No entries yet' }).waitFor();
    await page.getByRole('button', { name: 'New entry' }).focus();
    await page.keyboard.press('Enter');
    await focused(page);
    await page.keyboard.type('limits');
    await page.keyboard.press('Tab');
    await page.keyboard.type('most');
    const value = page.getByRole('textbox', { name: 'Value', exact: true });
    await value.waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText('{"count": 9007199254740993, "rate": 1.0}');
    await page.keyboard.press('Tab'); // in a dialog it leaves the editor
    assert.equal(await page.getByLabel('Expires', { exact: true }).first().evaluate((field) => field === document.activeElement), true);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Escape'); // which is the editor's
    assert.equal(await page.getByRole('alertdialog').count(), 0);
    await page.getByLabel('Key', { exact: true }).press('Escape');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).press('Enter'); // what was typed is still there
    await value.filter({ hasText: '9007199254740993' }).click();
    await page.keyboard.press('Control+s');
    await page.getByText('The entry most is there').waitFor();
    await page.getByText('9007199254740993').waitFor(); // in the tree
    assert.match(await text('apps/keyed/kv/limits/most'), /9007199254740993.*1\.0/);

    await page.getByRole('button', { name: 'JSON' }).focus();
    await page.keyboard.press('Enter');
    const editor = page.getByRole('textbox', { name: 'Value of most' });
    await editor.focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.insertText(', "note": "by hand"');
    await page.getByRole('button', { name: 'In a day' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('The entry is saved').waitFor();
    assert.match(await text('apps/keyed/kv/limits/most'), /9007199254740993.*1\.0.*by hand/);
    assert.ok(Date.parse((await get('apps/keyed/kv/limits/most')).expires_at) > Date.now() + 80_000_000);

    await write(page, 'Value of most', '{"count": ');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor(); // what is wrong, and nothing is sent
    assert.match(await text('apps/keyed/kv/limits/most'), /by hand/);
    await page.getByRole('link', { name: 'Secrets' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click(); // what was typed is still there
    await page.getByText('Not saved').waitFor();
    await page.getByRole('link', { name: 'Secrets' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor();
  });

  test('entries are searched, exported, imported and deleted, one with an undo and many with their count', async (t) => {
    const path = await app('many-keys');
    for (const key of ['a1', 'a2', 'a3', 'b1']) await api('PUT', `apps/many-keys/kv/things/${key}`, { token, body: { value: { key } } });
    const page = await open(t, browser, { token, path: `${path}/kv` });
    await page.getByRole('link', { name: 'b1' }).waitFor(); // of the first collection, which opens by itself
    await page.getByLabel('Keys that begin with').fill('a');
    await page.getByRole('link', { name: 'b1' }).waitFor({ state: 'detached' });
    assert.match(page.url(), /prefix=a/);

    await page.getByRole('button', { name: 'Delete a1' }).click();
    await page.getByRole('link', { name: 'a1' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('link', { name: 'a1' }).waitFor();
    await page.getByRole('button', { name: 'Delete a1' }).click();
    await page.getByRole('link', { name: 'a1' }).waitFor({ state: 'detached' });
    assert.equal((await get('apps/many-keys/kv/things/a1')).key, 'a1'); // it can still be undone
    await page.reload(); // now not any more
    await page.getByRole('link', { name: 'a2' }).waitFor();
    await until(async () => !(await get('apps/many-keys/kv/things?prefix=a1')).items.length);
    await isMissing('apps/many-keys/kv/things/a1');

    const { name, content } = await saved(page, () => more(page, 'Export these entries'));
    assert.equal(name, 'many-keys-things.jsonl');
    assert.deepEqual(String(content).trim().split('\n').map((line) => JSON.parse(line).key), ['a2', 'a3']);

    await page.getByLabel('Select a2').click();
    await page.getByLabel('Select a3').click();
    await page.getByRole('button', { name: 'Delete 2' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 2 entries' }).click();
    await page.getByText('2 entries deleted').waitFor();
    await isMissing('apps/many-keys/kv/things/a2');
    await get('apps/many-keys/kv/things/b1');

    const lines = `${content}{"key":"a2","value":"the last of a key stays"}\n{"key":"","value":1}\n`;
    await choose(page, { name: 'some.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(lines) }, () => more(page, 'Import lines'));
    await page.getByRole('alertdialog').getByRole('button', { name: 'Import' }).click(); // there is b1
    await page.getByRole('alert').filter({ hasText: 'Line 4: key is missing' }).waitFor();
    assert.equal((await get('apps/many-keys/kv/things/a2')).value, 'the last of a key stays');
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'a3' }).waitFor();
  });

  test('what can be undone waits for who is at it', async (t) => {
    const path = await app('lenient');
    for (const key of ['a', 'b']) await api('PUT', `apps/lenient/kv/things/${key}`, { token, body: { value: 1 } });
    const page = await open(t, browser, { token, path: `${path}/kv` });
    await page.clock.install();
    await page.reload();
    await page.getByRole('button', { name: 'Delete a' }).click();
    const undo = page.getByRole('button', { name: 'Undo', exact: true });
    await undo.hover();
    await page.clock.runFor(60_000);
    await undo.waitFor();
    assert.equal((await get('apps/lenient/kv/things/a')).key, 'a');
    await page.getByRole('heading', { level: 1 }).hover();
    await page.clock.runFor(10_000);
    await undo.waitFor({ state: 'detached' });
    await until(async () => (await get('apps/lenient/kv/things')).items.length === 1);
    await isMissing('apps/lenient/kv/things/a');
  });

  test('a name that is a step in an address deletes nothing else', async (t) => {
    const path = await app('steps');
    const source = 'kv::collection("..").set("..", 1); kv::collection("plain").set("..", 1);';
    const script = await api('POST', 'apps/steps/scripts', { token, body: { name: 'odd', source } });
    await api('POST', `scripts/${script.id}/run`, { token, body: { request: {} } });
    const page = await open(t, browser, { token, path: `${path}/kv/plain` });
    await page.getByLabel('Select ..').click();
    await page.getByRole('button', { name: 'Delete 1' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 1 entry' }).click();
    await page.getByText('No address can have the name').waitFor();
    await get('apps/steps');
    assert.equal((await get('apps/steps/kv/plain')).items.length, 1);
  });

  test('who may only read is shown the data, and nothing that changes it', async (t) => {
    const path = await app('looked-at');
    await api('PUT', 'apps/looked-at/kv/things/a', { token, body: { value: 1 } });
    const reader = { username: 'reader', password: 'only looks at things' };
    const { id } = await api('POST', 'users', { token, body: { ...reader, role: 'member' } });
    await api('PUT', `apps/looked-at/members/${id}`, { token, body: { role: 'viewer' } });
    const login = await api('POST', 'auth/login', { body: reader });
    const page = await open(t, browser, { token: login.token, path: `${path}/kv/things` });
    await page.getByRole('link', { name: 'a', exact: true }).waitFor();
    for (const name of ['New entry', 'Delete a', 'New collection of Key-value']) assert.equal(await page.getByRole('button', { name }).count(), 0, name);
    assert.equal(await page.getByRole('checkbox').count(), 0);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem').first().waitFor();
    assert.deepEqual(await page.getByRole('menuitem').allInnerTexts(), ['Export as lines of JSON', 'Copy as curl']);
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'a', exact: true }).click();
    await page.getByRole('button', { name: 'Tree' }).waitFor();
    for (const name of ['Save', 'Delete']) assert.equal(await page.getByRole('button', { name }).count(), 0, name);
  });

  test('documents are found by a filter that is completed, sorted, and deleted by it with their count', async (t) => {
    const path = await app('orders');
    for (let i = 0; i < 30; i++) {
      await api('POST', 'apps/orders/docs/orders', { token, body: { data: { number: i, customer: { city: i % 3 ? 'Oslo' : 'Paris' }, paid: i % 2 === 0 } } });
    }
    const page = await open(t, browser, { token, path: `${path}/docs/orders`, expected: [/422/] });
    await page.getByText('30 documents').waitFor();
    const filter = page.getByRole('combobox', { name: 'Filter' });
    await filter.focus();
    await page.keyboard.type('cit');
    await page.getByRole('option', { name: 'customer.city' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: '"Paris"' }).click();
    await page.keyboard.type(', number: {$gt');
    await page.getByRole('option', { name: '$gte' }).waitFor();
    await page.keyboard.type('e: 9}');
    assert.equal(await filter.inputValue(), 'customer.city: "Paris", number: {$gte: 9}');
    await page.keyboard.press('Enter');
    await page.getByText('7 documents, matched by the filter').waitFor();

    await page.getByRole('button', { name: 'number' }).click();
    await page.waitForURL(/sort=number/);
    await page.getByRole('button', { name: 'number' }).click();
    await page.waitForURL(/sort=-number/);
    await page.locator('tbody tr').first().getByRole('cell', { name: '27', exact: true }).waitFor();
    await page.goBack();
    await page.locator('tbody tr').first().getByRole('cell', { name: '9', exact: true }).waitFor();

    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('paid').uncheck();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'paid' }).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('7 documents, matched by the filter').waitFor();
    await page.locator('tbody tr').nth(6).waitFor();
    assert.deepEqual(await page.getByRole('columnheader').allInnerTexts(), ['', 'Id', 'number', 'customer.city', 'customer', 'Changed', 'Actions']);

    await page.getByRole('checkbox', { name: /^Select 0/ }).first().check();
    await page.getByText('1 selected').waitFor();
    await filter.fill('number: 9'); // what is typed is not lost by a selection
    await filter.press('Enter');
    await page.getByText('1 document, matched').waitFor();
    await page.getByText('1 selected').waitFor({ state: 'detached' }); // that of others is none of these

    await filter.fill('paid: {$maybe: 1}');
    await filter.press('Enter');
    await page.getByText('$maybe').waitFor(); // in the API's words
    await filter.fill('paid: tru');
    await filter.press('Enter');
    await page.getByText('needs quotes').or(page.getByText('is not a condition')).waitFor();
    await filter.fill('customer.city: "Paris"');
    await filter.press('Enter');
    await page.getByText('10 documents, matched').waitFor();
    await more(page, 'Delete all that match');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 10 documents' }).click();
    await page.getByText('10 documents deleted').waitFor();
    await page.getByRole('heading', { name: 'No document matches' }).waitFor();
    assert.equal((await get('apps/orders/docs')).items[0].documents, 20);
  });

  test('a document is written; another’s change meanwhile is shown as a difference, and nothing is lost', async (t) => {
    const path = await app('papers');
    const page = await open(t, browser, { token, path: `${path}/docs`, expected: [/412/, /422/] });
    await page.getByRole('button', { name: 'New document' }).click();
    await page.getByLabel('Collection', { exact: true }).fill('papers');
    await write(page, 'Data', '[1]');
    await page.getByRole('button', { name: 'Create document' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText('must be an object').waitFor(); // an array is no document
    await write(page, 'Data', '{"title": "Tea", "pages": 3, "weight": 1.0}');
    await page.getByRole('button', { name: 'Create document' }).click();
    await page.getByText('The document is there').waitFor();
    const [{ id }] = (await get('apps/papers/docs/papers')).items;

    await page.getByRole('button', { name: 'JSON' }).click();
    await write(page, 'Data of the document', '{\n  "title": "Tea, twice",\n  "pages": 3,\n  "weight": 1.0\n}');
    await api('PATCH', `apps/papers/docs/papers/${id}`, { token, body: { data: { pages: 4 } } });
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Somebody else has saved version 2').waitFor();
    assert.equal((await get(`apps/papers/docs/papers/${id}`)).data.title, 'Tea');
    const theirs = page.getByRole('button', { name: 'Take theirs', exact: true });
    await theirs.first().waitFor();
    await write(page, 'Data of the document', '{\n  "title": "Tea, twice",\n  "pages": 4,\n  "weight": 1.0\n}');
    await page.getByRole('button', { name: 'Save the result' }).click();
    await page.getByText('Version 3 is saved').waitFor();
    assert.match(await text(`apps/papers/docs/papers/${id}`), /"Tea, twice".*1\.0/);

    // What is typed while it is saved is neither lost nor saved.
    const put = await keepBack(page, `**/docs/papers/${id}`, 'PUT');
    await write(page, 'Data of the document', '{"title": "Coffee"}');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await put.asked();
    await write(page, 'Data of the document', '{"title": "Cocoa"}');
    await put.answer();
    await page.getByText('Version 4 is saved').waitFor();
    await page.getByText('Not saved').waitFor();
    assert.equal((await get(`apps/papers/docs/papers/${id}`)).data.title, 'Coffee');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Version 5 is saved').waitFor();
    assert.equal((await get(`apps/papers/docs/papers/${id}`)).data.title, 'Cocoa');
  });

  test('what was loaded stays in sight when the list is loaded again', async (t) => {
    const path = await app('long');
    const keys = Array.from({ length: 230 }, (_, i) => `k${String(i).padStart(3, '0')}`);
    for (const key of keys) await api('PUT', `apps/long/kv/things/${key}`, { token, body: { value: 1 } });
    const page = await open(t, browser, { token, path: `${path}/kv/things` });
    const table = page.getByRole('table', { name: 'Entries of things' });
    await page.getByLabel('Select k000').click();
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.locator('table[aria-rowcount="231"]').waitFor();
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await table.getByRole('link', { name: 'k229' }).waitFor();
    await page.getByLabel('Select k229').click({ modifiers: ['Shift'] });
    await page.getByText('230 selected').waitFor();
    await page.getByRole('button', { name: 'Clear the selection' }).click();
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.getByLabel('Select k228').click();
    await page.getByRole('button', { name: 'Delete 1' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 1 entry' }).click();
    await page.getByText('1 entry deleted').waitFor();
    await page.locator('table[aria-rowcount="230"]').waitFor(); // both pages
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await table.getByRole('link', { name: 'k229' }).waitFor();
  });

  test('a long work is not left unseen', async (t) => {
    const path = await app('slow');
    await api('PUT', 'apps/slow/kv/things/a', { token, body: { value: 1 } });
    const page = await open(t, browser, { token, path: '/apps/slow' });
    await page.getByRole('link', { name: 'Data', exact: true }).click();
    await page.getByRole('link', { name: 'a', exact: true }).waitFor();
    await page.route('**/kv/things?limit=1000*', () => {}); // it is never answered
    await more(page, 'Export');
    const dialog = page.getByRole('dialog', { name: 'Exporting entries' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await page.goBack();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
    await dialog.getByText('0 entries').waitFor();
    await page.waitForURL(/kv\/things$/);
    await page.goBack();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Stop and leave' }).click();
    await page.waitForURL(/\/apps\/slow$/);
    await dialog.waitFor({ state: 'detached' });
  });

  test('files are dropped, looked at without running, exported and deleted', async (t) => {
    const path = await app('drawer');
    await upload(token, 'drawer', 'photos', 'first.txt', 'text/plain', 'the first');
    const page = await open(t, browser, { token, path: `${path}/files/photos`, expected: [/sessionStorage|setItem|ERR_FAILED/] }); // the viewer of a PDF is where open logs in, too
    await page.getByRole('link', { name: 'first.txt' }).waitFor();
    const transfer = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>top.document.title = "taken"</script><rect width="40" height="40"/></svg>'], 'a.svg', { type: 'image/svg+xml' }));
      transfer.items.add(new File(['<script>top.document.title = "taken"</script><h1>Hi</h1>'], 'b.html', { type: 'text/html' }));
      transfer.items.add(new File(['<script>top.document.title = "taken"</script>'], 'c.pdf', { type: 'application/pdf' }));
      transfer.items.add(new File(['%PDF-1.1 <html><script>parent.document.title = "taken"</script>'], 'd.pdf', { type: 'application/pdf' }));
      return transfer;
    });
    await page.getByText('Drop files').dispatchEvent('drop', { dataTransfer: transfer });
    await page.getByRole('table').getByRole('link', { name: 'd.pdf' }).waitFor();
    await page.route('**/files/photos?name=*', (route) => (/name=bad/.test(route.request().url()) ? route.abort() : route.continue()));
    const some = ['good.txt', 'bad.txt'].map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) }));
    await page.getByLabel('Files to upload').setInputFiles(some);
    await page.getByRole('region', { name: 'Uploads' }).getByText('The server does not answer').waitFor();
    await page.getByRole('table').getByRole('link', { name: 'good.txt' }).waitFor(); // though the last has not come
    await page.unroute('**/files/photos?name=*');
    await page.getByRole('button', { name: 'Delete good.txt' }).click();
    await page.getByRole('table').getByRole('link', { name: 'good.txt' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Dismiss' }).click(); // it is done then
    await until(async () => (await get('apps/drawer/files/photos')).items.length === 5);
    assert.deepEqual((await get('apps/drawer/files/photos')).items.map((f) => f.name).sort(), ['a.svg', 'b.html', 'c.pdf', 'd.pdf', 'first.txt']);

    await page.getByRole('table').getByRole('link', { name: 'a.svg' }).click();
    await page.getByRole('img', { name: 'a.svg' }).waitFor();
    assert.match(await page.getByRole('img', { name: 'a.svg' }).getAttribute('src'), /^data:image\/svg\+xml;/); // which no tab opens
    await page.goBack();
    await page.getByRole('table').getByRole('link', { name: 'c.pdf' }).click();
    await page.getByRole('button', { name: 'Show the PDF' }).click();
    await page.getByText('says that it is a PDF, and is none').waitFor();
    await page.goBack();
    await page.getByRole('table').getByRole('link', { name: 'd.pdf' }).click();
    const show = page.getByRole('button', { name: 'Show the PDF' });
    await show.waitFor();
    assert.equal(await page.locator('iframe').count(), 0);
    await show.click();
    await page.locator('iframe').waitFor();
    assert.doesNotMatch(await page.title(), /taken/);
    await page.goBack();
    await page.getByRole('table').getByRole('link', { name: 'b.html' }).click();
    await page.getByText('<h1>Hi</h1>').waitFor(); // as text
    assert.doesNotMatch(await page.title(), /taken/);
    const file = await saved(page, () => page.getByRole('button', { name: 'Download' }).click());
    assert.equal(file.name, 'b.html');
    assert.match(String(file.content), /<h1>Hi<\/h1>/);
    await page.getByRole('button', { name: 'Edit' }).focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Name').fill('page.html');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'page.html' }).waitFor();

    await page.getByRole('navigation', { name: 'Collections' }).getByRole('link', { name: 'photos' }).click();
    await page.getByRole('table').getByRole('link', { name: 'page.html' }).waitFor();
    const zip = await saved(page, () => more(page, 'Export as a ZIP'));
    assert.equal(zip.name, 'drawer-photos.zip');
    for (const name of ['a.svg', 'page.html', 'first.txt']) assert.ok(zip.content.includes(name), name);
    await more(page, 'Delete all files');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 5 files' }).click();
    await page.getByText('5 files deleted').waitFor();
    assert.equal((await get('apps/drawer/files/photos')).items.length, 0);
  });

  test('documents are exported, and imported elsewhere as they were', async (t) => {
    const from = await app('giving');
    const to = await app('taking');
    const made = [];
    for (const n of ['9007199254740993', '1.0']) {
      const answer = await fetch(`${dashboard}/api/v1/admin/apps/giving/docs/orders`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: `{"data":{"n":${n}}}`,
      });
      made.push((await answer.json()).id);
    }
    const page = await open(t, browser, { token, path: `${from}/docs/orders` });
    await page.getByText('2 documents').first().waitFor();
    const { name, content } = await saved(page, () => more(page, 'Export as lines of JSON'));
    assert.equal(name, 'giving-orders.jsonl');
    await page.goto(`${dashboard}${to}/docs/orders`);
    await page.getByRole('heading', { name: 'No documents in orders' }).waitFor();
    await choose(page, { name, mimeType: 'application/jsonl', buffer: content }, () => more(page, 'Import lines of JSON'));
    await page.getByText('2 documents imported').waitFor();
    assert.match(await text(`apps/taking/docs/orders/${made[0]}`), /"n":\s*9007199254740993/);
    assert.match(await text(`apps/taking/docs/orders/${made[1]}`), /"n":\s*1\.0/);
  });

  test('an upload shows how far it is, and is stopped', async (t) => {
    const path = await app('slowly');
    await upload(token, 'slowly', 'photos', 'a.txt', 'text/plain', 'a');
    const page = await open(t, browser, { token, path: `${path}/files/photos` });
    await page.getByRole('link', { name: 'a.txt' }).waitFor();
    await page.route('**/files/photos?name=*', () => {}); // it is never answered
    await page.getByLabel('Files to upload').setInputFiles({ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('b') });
    const uploads = page.getByRole('region', { name: 'Uploads' });
    await uploads.getByRole('progressbar', { name: 'Upload of b.txt' }).waitFor();
    await uploads.getByRole('button', { name: 'Stop' }).click();
    await uploads.getByRole('progressbar').waitFor({ state: 'detached' });
    assert.equal((await get('apps/slowly/files/photos')).items.length, 1);
  });
});
