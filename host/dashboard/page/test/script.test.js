import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { api, copied, launch, login, open, until, user } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

const editor = (page) => page.getByRole('textbox', { name: /^Source of / }).first();
const run = (page) => page.getByRole('region', { name: 'Run' });

/** Puts the cursor at the end of the editor and replaces all there is by what is typed. */
async function clear(page) {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
}

test('what was run is kept as a case, and all cases are run at once', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'cases', name: 'Cases' } });
  const script = await api('POST', 'apps/cases/scripts', { token, body: { name: 'half', source: 'let n = ctx.request.body.n;\n#{ half: n / 2, n: n }\n' } });
  const page = await open(t, browser, { token, path: `/apps/cases/scripts/${script.id}`, expected: [/409/] });
  const cases = page.getByRole('region', { name: 'Cases' });
  const keep = async (name) => {
    await run(page).getByRole('button', { name: 'Save as a case' }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.keyboard.press('Enter');
    await page.getByText(`The case ${name} is saved`).waitFor();
  };
  await run(page).getByLabel('Method').selectOption('POST');
  await run(page).getByText('Body', { exact: true }).click();
  await run(page).getByRole('textbox', { name: 'Body', exact: true }).fill('{"n": 9007199254740993}'); // which no number of JavaScript is
  await run(page).getByRole('button', { name: 'Run', exact: true }).click();
  await run(page).getByText('"n": 9007199254740993').waitFor();
  await keep('a large one');
  await run(page).getByRole('textbox', { name: 'Body', exact: true }).fill('{}');
  await page.keyboard.press('Control+Enter');
  await run(page).getByText('script_error', { exact: true }).first().waitFor();
  await keep('nothing to halve');
  assert.deepEqual((await api('GET', `scripts/${script.id}/cases`, { token })).items.map(({ name, status }) => [name, status]), [['a large one', 200], ['nothing to halve', 502]]);

  await cases.getByRole('button', { name: 'Run all' }).click();
  await cases.getByText('2 of 2 answer as they should').waitFor();
  await clear(page);
  await page.keyboard.insertText('#{ half: 4503599627370496, n: 9007199254740992 }\n');
  await cases.getByRole('button', { name: 'Run all' }).click(); // which saves it
  await cases.getByText('0 of 2 answer as they should').waitFor();
  await cases.getByText('It answered another body').waitFor();
  await cases.getByText('It answered 200, not 502').waitFor();

  // One is put into the panel, deleted, and brought back.
  await cases.getByRole('button', { name: /^a large one/ }).click();
  assert.match(await run(page).getByRole('textbox', { name: 'Body', exact: true }).inputValue(), /9007199254740993/);
  await cases.getByRole('button', { name: 'Delete the case a large one' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await cases.getByRole('button', { name: /^a large one/ }).waitFor();

  // Somebody else's change is not lost.
  await api('PUT', `scripts/${script.id}/cases`, { token, body: { items: [{ name: 'theirs' }] } });
  await cases.getByRole('button', { name: 'Delete the case nothing to halve' }).click();
  await cases.getByRole('alert').filter({ hasText: 'meanwhile' }).waitFor();
  await cases.getByRole('button', { name: /^theirs/ }).waitFor();
});

test('by keyboard: errors are marked while one types, and saving and running need no mouse', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'keys', name: 'Keys' } });
  const script = await api('POST', 'apps/keys/scripts', { token, body: { name: 'sum', source: '1 + 1\n' } });
  const page = await open(t, browser, { token, path: `/apps/keys/scripts/${script.id}` });
  await editor(page).focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('let x = ;');
  await page.locator('.cm-lintRange-error').first().waitFor();
  for (let i = 0; i < 'let x = ;'.length; i++) await page.keyboard.press('Backspace');
  await page.keyboard.type('40 + 2');
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.type('throw "no"; //');
  await page.keyboard.press('Control+Enter');
  const failed = run(page).getByRole('button', { name: /^Line 1/ });
  await failed.waitFor();
  await page.locator('.cm-lintRange-error').first().waitFor(); // where it failed
  assert.equal((await api('GET', `scripts/${script.id}`, { token })).source, 'throw "no"; //\n40 + 2');
  await failed.press('Enter');
  await page.waitForFunction(() => document.activeElement?.shadowRoot?.activeElement?.classList.contains('cm-content'));
});

test('what is typed outlives a reload, and another save is shown as a difference', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'drafts', name: 'Drafts' } });
  const script = await api('POST', 'apps/drafts/scripts', { token, body: { name: 'one', source: '"first"\n' } });
  const other = await api('POST', 'apps/drafts/scripts', { token, body: { name: 'two', source: '"other"\n' } });
  const page = await open(t, browser, { token: await login(), path: `/apps/drafts/scripts/${script.id}`, expected: [/409/] }); // which ends
  page.on('dialog', (dialog) => dialog.accept());
  await clear(page);
  await page.keyboard.insertText('"mine"\n');
  await page.reload();
  await page.getByText('Not saved', { exact: true }).waitFor();
  assert.match(await editor(page).innerText(), /"mine"/);

  // Leaving asks; the other files of the editor do not.
  await page.getByRole('link', { name: 'Secrets' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByLabel('Beside').selectOption('two');
  await page.getByRole('textbox', { name: 'Source of two' }).getByText('"other"').waitFor();
  await page.getByLabel('Beside').selectOption('');

  await api('PUT', `scripts/${script.id}`, { token, body: { source: '"theirs"\n' } });
  await editor(page).click();
  await page.keyboard.press('Control+s');
  await page.getByRole('heading', { name: 'Version 2 was saved meanwhile' }).waitFor();
  const difference = page.getByRole('textbox', { name: 'From version 2 to yours' });
  await difference.getByText('"theirs"').waitFor();
  await difference.getByText('"mine"').waitFor();
  await page.getByRole('button', { name: 'Save mine over it' }).click();
  await page.getByText('Version 3 is live').waitFor();
  assert.equal((await api('GET', `scripts/${script.id}`, { token })).source, '"mine"\n');

  await page.goto(new URL(`/apps/drafts/scripts/${other.id}`, page.url()).href);
  await editor(page).waitFor();
  await clear(page);
  await page.keyboard.insertText('"not saved"\n');
  await page.getByRole('list', { name: 'Open scripts' }).getByRole('link', { name: 'one' }).click();
  await page.getByRole('heading', { level: 1, name: 'one' }).waitFor();
  await page.getByRole('link', { name: 'Secrets' }).click(); // one is saved, but two is not
  await page.getByRole('heading', { name: 'Leave two unsaved?' }).waitFor();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('heading', { level: 1, name: 'Secrets' }).waitFor();

  // Who logs out leaves nothing of it in the tab, after a question.
  await page.getByRole('button', { name: user.username }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(sessionStorage)), /not saved/);
});

test('a plugin is uploaded, and shows what it brings and wants', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'plugins', name: 'Plugins' } });
  const page = await open(t, browser, { token, path: '/apps/plugins/scripts' });
  await page.getByRole('button', { name: 'New script' }).first().click();
  await page.getByLabel('Name').fill('avatar');
  await page.getByLabel('Kind').selectOption('plugin');
  const file = new URL('../../../../examples/plugin-c/avatar.wasm', import.meta.url).pathname;
  await page.getByLabel('WebAssembly file').setInputFiles(file);
  await page.getByRole('button', { name: 'Create script' }).click();
  await page.getByRole('heading', { name: /^Exports/ }).waitFor();
  await page.getByText('handle', { exact: true }).waitFor();
  await page.getByLabel('WebAssembly file', { exact: true }).setInputFiles(file.replace('plugin-c/avatar', 'plugin-assemblyscript/limiter'));
  await page.getByText('Version 2 is live').waitFor();
});

test('limits are told with their ceilings, and refused in the words of the API', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'limits', name: 'Limits' } });
  const script = await api('POST', 'apps/limits/scripts', { token, body: { name: 'one', source: '1' } });
  const page = await open(t, browser, { token, path: `/apps/limits/scripts/${script.id}/settings`, expected: [/422|409/] });
  await page.getByText('milliseconds, at most').waitFor();
  await page.getByLabel('Timeout').fill('500');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await page.getByText('Version 2 is live').waitFor();
  assert.deepEqual((await api('GET', `scripts/${script.id}`, { token })).limits, { timeout_ms: 500 });

  // Another's change is not undone, nor is what is typed lost.
  await page.getByLabel('Memory').fill('32');
  await api('PUT', `scripts/${script.id}`, { token, body: { limits: { timeout_ms: 700 }, version: 2 } });
  await page.getByRole('button', { name: 'Save settings' }).click();
  await page.getByRole('alert').filter({ hasText: 'Version 3 was saved meanwhile' }).waitFor();
  assert.equal(await page.getByLabel('Timeout').inputValue(), '700');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await page.getByText('Version 4 is live').waitFor();
  assert.deepEqual((await api('GET', `scripts/${script.id}`, { token })).limits, { timeout_ms: 700, memory_mb: 32 });

  await page.getByLabel('Name', { exact: true }).fill('1 bad name');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await page.locator('[aria-invalid]').waitFor();
});

test('format indents, an event runs a script, and a route that is deleted comes back', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'more', name: 'More' } });
  const source = 'let all = [];\nif ctx.event != () {\nall.push(#{\nfrom: ctx.event.source,\n});\n}\nlet text = `\nas it is\n`;\nall\n  .len()';
  const script = await api('POST', 'apps/more/scripts', { token, body: { name: 'one', source } });
  const page = await open(t, browser, { token, path: `/apps/more/scripts/${script.id}` });
  await editor(page).waitFor();
  await page.getByRole('button', { name: 'Format' }).click();
  await run(page).getByLabel('Event', { exact: true }).check();
  await run(page).getByLabel('Sample').selectOption('docs: a document was created');
  await run(page).getByRole('button', { name: 'Save and run' }).click();
  await run(page).getByLabel('Body of the answer').getByText('1', { exact: true }).waitFor();
  assert.equal(
    (await api('GET', `scripts/${script.id}`, { token })).source,
    'let all = [];\nif ctx.event != () {\n  all.push(#{\n    from: ctx.event.source,\n  });\n}\nlet text = `\nas it is\n`;\nall\n  .len()',
  );

  await api('POST', `scripts/${script.id}/routes`, { token, body: { method: 'POST', path: '/one/*', rate_limit: { requests: 5 } } });
  const { items: before } = await api('GET', 'apps/more/routes', { token });
  await page.getByRole('link', { name: 'Routes', exact: true }).first().click();
  await page.getByRole('button', { name: 'Delete POST /one/*' }).click();
  await page.getByRole('heading', { name: 'No routes yet' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('cell', { name: '/one/*', exact: true }).waitFor();
  assert.deepEqual((await api('GET', 'apps/more/routes', { token })).items, before); // it was never gone

  await page.getByRole('button', { name: 'Delete POST /one/*' }).click();
  await page.getByRole('button', { name: 'New route' }).first().click();
  await page.getByLabel('Method', { exact: true }).selectOption('POST');
  await page.getByLabel('Path', { exact: true }).fill('/one/*');
  await page.getByRole('button', { name: 'Create route' }).click(); // in the place of the other, which is gone by then
  await page.getByRole('cell', { name: '/one/*', exact: true }).waitFor();
  const { items: after } = await api('GET', 'apps/more/routes', { token });
  assert.deepEqual(after.map(({ path, rate_limit }) => [path, rate_limit]), [['/one/*', undefined]]);
  assert.notEqual(after[0].id, before[0].id);
});

test('names and values of a request are any, and one that is emptied stays where it is', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'pairs' } });
  const script = await api('POST', 'apps/pairs/scripts', { token, body: { name: 'echo', source: 'ctx.request.query\n' } });
  const page = await open(t, browser, { token, path: `/apps/pairs/scripts/${script.id}` });
  await run(page).getByText('Query', { exact: true }).click();
  for (const [i, name] of ['first', '__proto__', 'constructor'].entries()) {
    await run(page).getByLabel(`Query ${i + 1}: name`).fill(name);
    await run(page).getByLabel(`Query ${i + 1}: value`).fill(String(i));
  }
  await run(page).getByLabel('Query 1: value').fill('');
  await run(page).getByLabel('Query 1: name').fill('');
  assert.equal(await run(page).getByLabel('Query 2: name').inputValue(), '__proto__');
  await run(page).getByLabel('Query 1: name').pressSequentially('again');
  await page.keyboard.press('Control+Enter');
  const answer = run(page).getByLabel('Body of the answer');
  await answer.filter({ hasText: '"constructor": "2"' }).waitFor();
  assert.deepEqual(Object.entries(JSON.parse(await answer.textContent())).sort(), [['__proto__', '1'], ['again', ''], ['constructor', '2']]);
});

test('cases that could not be loaded are not replaced by the one that is saved', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'guarded' } });
  const script = await api('POST', 'apps/guarded/scripts', { token, body: { name: 'one', source: '1\n' } });
  await api('PUT', `scripts/${script.id}/cases`, { token, body: { items: [{ name: 'precious' }] } });
  const page = await open(t, browser, { token, path: '/apps/guarded/scripts', expected: [/500/] });
  const problem = '{"title":"Internal Server Error","status":500,"detail":"the disk is full"}';
  await page.route('**/cases', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: problem }));
  await page.getByRole('link', { name: 'one', exact: true }).click();
  await run(page).getByRole('button', { name: 'Run', exact: true }).click();
  await run(page).getByLabel('Body of the answer').waitFor();
  assert.equal(await run(page).getByRole('button', { name: 'Save as a case' }).count(), 0);
  await page.unroute('**/cases');
  await run(page).getByRole('button', { name: 'Save as a case' }).waitFor(); // they are asked for again
  await run(page).getByRole('button', { name: /^precious/ }).waitFor();
});

test('a route that another does not let be is told of while one types, whatever answers its example', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'crossing' } });
  const script = await api('POST', 'apps/crossing/scripts', { token, body: { name: 'one', source: '1\n' } });
  await api('POST', `scripts/${script.id}/routes`, { token, body: { method: 'GET', path: '/x/:a/b' } });
  const page = await open(t, browser, { token, path: '/apps/crossing/routes', expected: [/409/] });
  await page.getByRole('button', { name: 'New route' }).first().click();
  await page.getByLabel('Path', { exact: true }).fill('/x/:a/:b'); // whose example, /x/x/x, no route answers
  await page.getByText('GET /x/:a/b, which leads to one, is there already').waitFor();
  await page.getByRole('button', { name: 'Create route' }).click();
  await page.locator('[aria-invalid="true"], [role="alert"]').first().waitFor();
  await page.getByLabel('Path', { exact: true }).fill('/y/:a/:b');
  await page.getByText('No route answers GET /y/x/x yet.').waitFor();
});

test('a script whose lines end in CR and LF is as it was saved, and its failure is marked in its line', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'windows' } });
  const script = await api('POST', 'apps/windows/scripts', { token, body: { name: 'one', source: 'let a = 1;\r\nlet b = 2;\r\nthrow "here";\r\n' } });
  await api('POST', `scripts/${script.id}/run`, { token, body: { request: {} } });
  await until(async () => (await api('GET', 'apps/windows/executions', { token })).items.length); // it is written a moment later
  const page = await open(t, browser, { token, path: `/apps/windows/scripts/${script.id}` });
  await editor(page).filter({ hasText: 'throw' }).waitFor();
  assert.equal(await page.getByText('Not saved').count(), 0);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Executions' }).click();
  await page.getByRole('row').filter({ hasText: 'script error' }).first().click();
  await page.locator('.cm-place-line').getByText('throw "here";').waitFor();
});

test('hover tells what a function does, needs and fails with; ctx is completed; the editor is searched', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'telling' } });
  const source = 'let visits = kv::collection("visits");\nvisits.set("a", 1);\nctx.request.meth\n';
  const script = await api('POST', 'apps/telling/scripts', { token, body: { name: 'one', source } });
  const page = await open(t, browser, { token, path: `/apps/telling/scripts/${script.id}` });
  await editor(page).waitFor();
  const word = await page.locator('.cm-line').nth(1).evaluate((line) => {
    const range = document.createRange();
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let before = 0, text; (text = walker.nextNode()); before += text.length) {
      const at = line.textContent.indexOf('set') - before;
      if (at < 0 || at >= text.length) continue;
      range.setStart(text, at);
      range.setEnd(text, at + 1);
      return range.getBoundingClientRect().toJSON();
    }
  });
  await page.mouse.move(word.x + word.width / 2, word.y + word.height / 2);
  const told = page.locator('.cm-tooltip-hover');
  await told.getByText('KvCollection.set(').waitFor();
  await told.getByText('Needs AppKvWrite').waitFor();
  await page.mouse.move(0, 0);
  await told.waitFor({ state: 'detached' });

  await page.locator('.cm-line').nth(2).click();
  await page.keyboard.press('End');
  await page.keyboard.type('o');
  await page.getByRole('option', { name: /^method/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.keyboard.type('visits.se');
  await page.getByRole('option', { name: /^set.*if_absent/ }).waitFor(); // each way to call it
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('asse');
  await page.waitForTimeout(500); // for what would come
  assert.equal(await page.getByRole('option', { name: /^assert_eq/ }).count(), 0); // scripts do not have it

  await page.keyboard.press('Control+f');
  await page.locator('.cm-search input[name="search"]').pressSequentially('visits');
  await page.locator('.cm-searchMatch').nth(1).waitFor();
});

test('what is copied as curl runs in a shell, and says what the screen shows', async (t) => {
  try {
    execFileSync('curl', ['--version']);
  } catch {
    return t.skip('there is no curl');
  }
  await api('POST', 'apps', { token, body: { slug: 'copied' } });
  const page = await open(t, browser, { token, path: '/apps/copied/scripts' });
  const command = await copied(page, () => page.getByRole('button', { name: 'Copy as curl' }).click(), /apps\/copied/);
  assert.deepEqual(JSON.parse(execFileSync('sh', ['-c', `${command} --silent`], { env: { ...process.env, PICLOUD_TOKEN: token } })).items, []);
});

test('a script that is deleted can be kept for a moment', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'kept' } });
  const script = await api('POST', 'apps/kept/scripts', { token, body: { name: 'one', source: '1\n' } });
  const page = await open(t, browser, { token, path: `/apps/kept/scripts/${script.id}/settings`, expected: [/404/] });
  for (const undone of [true, false]) {
    await page.getByRole('button', { name: 'Delete script' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete script' }).click();
    await page.getByRole('heading', { name: 'No scripts yet' }).waitFor();
    if (!undone) break;
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('link', { name: 'one', exact: true }).click();
    await page.getByRole('navigation', { name: 'Of this script' }).getByRole('link', { name: 'Settings' }).click();
  }
  await page.getByRole('button', { name: 'Dismiss' }).click(); // it cannot be undone any more
  await page.waitForFunction(async ([path, token]) => (await fetch(path, { headers: { Authorization: `Bearer ${token}` } })).status === 404, [`/api/v1/admin/scripts/${script.id}`, token]);
});
