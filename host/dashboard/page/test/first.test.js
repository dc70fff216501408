import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { first, launch, open, violations } from './browser.js';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const login = (password) =>
  fetch(`${first.dashboard}/api/v1/admin/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username: 'admin', password }) });

const editor = (page) => page.getByRole('textbox', { name: /^Source of / }).first();
const run = (page) => page.getByRole('region', { name: 'Run' });

/** Deletes all that is in the editor. */
async function clear(page) {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
}

/** Takes what is offered. For a moment a list that just came takes no key. */
async function accepted(page, text) {
  for (let i = 0; i < 50 && !(await editor(page).textContent()).includes(text); i++) {
    await page.waitForTimeout(100);
    if (await page.getByRole('option').count()) await page.keyboard.press('Enter');
  }
}

test('who has only the printed address and has read nothing comes in, makes an app and a function, binds it, breaks it, finds the failure, mends it, rolls back, and reads a file that was uploaded', async (t) => {
  const page = await open(t, browser, { at: first.dashboard, path: '/apps/default/scripts', expected: [/401|422/] });
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill(first.password);
  await page.getByText('it was free by chance').waitFor();
  assert.ok(await page.getByLabel('Stay signed in').isDisabled());
  await page.getByRole('button', { name: 'Log in' }).click();

  await page.getByRole('heading', { level: 1, name: 'Set your password' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Set your password' }).waitFor(); // nothing leads around it
  assert.deepEqual(await violations(page), []);
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

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Apps', exact: true }).click();
  await page.getByRole('button', { name: 'New app' }).click();
  await page.getByLabel('Name').fill('First');
  await page.getByRole('button', { name: 'Create app' }).click();
  await page.getByRole('heading', { level: 1, name: 'First' }).waitFor();

  // A function, with help from completion.
  await page.getByRole('link', { name: 'Scripts', exact: true }).first().click();
  await page.getByRole('button', { name: 'New script' }).first().click();
  await page.getByLabel('Name').fill('visits');
  await page.getByRole('button', { name: 'Create script' }).click();
  await clear(page);
  await page.keyboard.type('let visits = k');
  await page.getByRole('option', { name: /^kv/ }).waitFor();
  await page.keyboard.type('v::col');
  await page.getByRole('option', { name: /^collection/ }).waitFor();
  await accepted(page, 'collection(');
  await page.keyboard.type('"visits"'); // in place of the parameter, which is selected
  await page.keyboard.press('Tab');
  await page.keyboard.press('End');
  await page.keyboard.type(';\n#{ count: visits.incr');
  await page.getByRole('option', { name: /^incr/ }).waitFor();
  await accepted(page, 'visits.incr(');
  await page.keyboard.type('"all"');
  await page.keyboard.press('Tab');
  await page.keyboard.type('1');
  await page.keyboard.press('End');

  // It answers, as it was typed. What is typed is saved by that.
  await run(page).getByRole('button', { name: 'Save and run' }).click();
  await run(page).getByText('"count": 1').waitFor();

  // It is to greet, too.
  await clear(page);
  await page.keyboard.insertText('let name = ctx.request.params.name;\nlog::info("greets " + name);\n#{ hello: name }\n');
  await run(page).getByRole('button', { name: 'Save and run' }).click();
  await run(page).getByText('"hello": null').waitFor(); // there is no route yet that gives a name

  // It is bound.
  await page.getByRole('link', { name: 'Routes', exact: true }).last().click();
  await page.getByRole('button', { name: 'New route' }).first().click();
  await page.getByLabel('Path', { exact: true }).fill('/hello/:name');
  await page.getByText('No route answers GET /hello/x yet.').waitFor();
  await page.getByRole('button', { name: 'Create route' }).click();
  await page.getByRole('cell', { name: '/hello/:name', exact: true }).waitFor();
  await page.getByLabel('Path of the request').fill('/hello/Ada');
  await page.getByText('name = Ada').waitFor();
  assert.deepEqual(await (await fetch(`${first.site}/hello/Ada`)).json(), { hello: 'Ada' });

  await page.getByRole('link', { name: 'Code' }).click();
  await run(page).getByLabel('Path', { exact: true }).fill('/hello/Grace');
  await run(page).getByRole('button', { name: 'Run', exact: true }).click();
  await run(page).getByText('"hello": "Grace"').waitFor();
  await run(page).getByText('greets Grace').waitFor();

  // It is broken: it compiles, but fails when it runs.
  await clear(page);
  await page.keyboard.insertText('let name = ctx.request.params.name;\n\n#{ hello: nmae }\n');
  await page.keyboard.press('Control+s');
  await page.getByText('Version 4 is live').waitFor();
  assert.equal((await fetch(`${first.site}/hello/Ada`)).status, 502);

  // The failure is found, with its place.
  await page.getByRole('link', { name: 'Executions' }).last().click();
  await page.getByRole('row').filter({ hasText: 'script error' }).first().click();
  await page.locator('.cm-place-line').getByText('#{ hello: nmae }').waitFor();

  // It is mended...
  await page.getByRole('link', { name: 'Open the script' }).click();
  await editor(page).waitFor();
  await clear(page);
  await page.keyboard.insertText('#{ hello: "everybody" }\n');
  await page.keyboard.press('Control+s');
  await page.getByText('Version 5 is live').waitFor();
  assert.deepEqual(await (await fetch(`${first.site}/hello/Ada`)).json(), { hello: 'everybody' });

  // ... and rolled back to the one that greeted.
  await page.getByRole('link', { name: 'Versions' }).click();
  await page.getByRole('button', { name: 'Compare version 3' }).click();
  await page.getByRole('textbox', { name: 'From version 3 to version 5' }).waitFor();
  await page.getByRole('button', { name: 'Roll back to version 3' }).click();
  await page.getByText('Version 6 is live').waitFor();
  assert.deepEqual(await (await fetch(`${first.site}/hello/Ada`)).json(), { hello: 'Ada' });

  // A file is uploaded...
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Data', exact: true }).click();
  await page.getByRole('link', { name: /^Files/ }).click();
  await page.getByRole('button', { name: 'Upload files' }).first().click();
  await page.getByLabel('Collection', { exact: true }).fill('notes');
  await page.getByRole('dialog').getByLabel('Files', { exact: true }).setInputFiles({ name: 'shopping.txt', mimeType: 'text/plain', buffer: Buffer.from('Buy tea.') });
  await page.getByRole('dialog').getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByRole('table').getByRole('link', { name: 'shopping.txt' }).waitFor();

  // ... and read by the script.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Scripts', exact: true }).click();
  await page.getByRole('link', { name: 'visits', exact: true }).click();
  await editor(page).waitFor();
  await clear(page);
  await page.keyboard.insertText('let notes = files::collection("notes");\n#{ first: notes.get(notes.list()[0].id).as_string() }\n');
  await run(page).getByRole('button', { name: 'Save and run' }).click();
  await run(page).getByText('"first": "Buy tea."').waitFor();
});
