import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { api, copied, dashboard, launch, login, open, site } from './browser.js';

// An app whose author means harm, and an administrator who is logged in, by a token that stays, and visits it.
let browser, token, context, evil;

before(async () => {
  browser = await launch();
  token = await login();
  await api('POST', 'apps', { token, body: { slug: 'hostile' } });
  const source = '#{ statusCode: 200, headers: #{ "content-type": "text/html" }, body: "<!doctype html><title>evil</title>" }';
  const script = await api('POST', 'apps/hostile/scripts', { token, body: { name: 'page', source } });
  await api('POST', `scripts/${script.id}/routes`, { token, body: { method: 'GET', path: '/evil' } });
  context = await browser.newContext();
  const admin = await context.newPage();
  await admin.goto(dashboard);
  await admin.evaluate((token) => localStorage.setItem('picloud.token', token), token);
  await admin.reload();
  await admin.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  evil = await context.newPage();
  await evil.goto(`${site}/evil`);
  assert.equal(await evil.title(), 'evil');
});
after(() => browser.close());

test('it has no token and reads nothing by fetch', async () => {
  assert.equal(await evil.evaluate(() => localStorage.getItem('picloud.token')), null);
  for (const [path, init] of [
    ['/', {}],
    ['/api/v1/admin/apps', {}],
    ['/api/v1/admin/apps', { credentials: 'include' }],
    ['/api/v1/admin/apps', { headers: { Authorization: `Bearer ${token}` } }], // even if it had one
    ['/api/v1/admin/apps', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"slug":"made-by-evil"}' }],
    ['/api/v1/openapi.json', {}],
  ]) {
    const failed = await evil.evaluate(([url, init]) => fetch(url, init).then(() => 'read', String), [dashboard + path, init]);
    assert.match(failed, /TypeError/, `${path} ${JSON.stringify(init)}`);
  }
  // What it may send without being asked, it may not read either, and it changes nothing.
  const opaque = await evil.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors', body: '{"slug":"made-by-evil"}' }).then((r) => r.type, String), `${dashboard}/api/v1/admin/apps`);
  assert.match(opaque, /opaque|TypeError/);
  await assert.rejects(api('GET', 'apps/made-by-evil', { token }), /404/);
});

test('it cannot frame the dashboard, nor load its files', async () => {
  await evil.evaluate(
    (url) =>
      new Promise((done) => {
        const frame = document.createElement('iframe');
        frame.onload = done;
        frame.src = url;
        document.body.append(frame);
      }),
    dashboard,
  );
  const frame = evil.frames().find((f) => f !== evil.mainFrame());
  assert.ok(!frame.url().startsWith(dashboard), `it is framed: ${frame.url()}`);
  for (const tag of ['script', 'img']) {
    const loaded = await evil.evaluate(
      ([tag, url]) =>
        new Promise((done) => {
          const element = document.createElement(tag);
          element.onload = () => done(true);
          element.onerror = () => done(false);
          element.src = url;
          document.body.append(element);
        }),
      [tag, `${dashboard}/mark.svg`],
    );
    assert.equal(loaded, false, tag);
  }
});

test('it has no hold on a window that it opens, nor has that one on it', async () => {
  const [opened] = await Promise.all([
    context.waitForEvent('page'),
    evil.evaluate((url) => void (window.opened = window.open(`${url}/apps`)), dashboard),
  ]);
  await opened.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
  assert.equal(await opened.evaluate(() => window.opener), null);
  assert.equal(await evil.evaluate(() => window.opened.closed), true); // so it seems to it
  assert.equal(await evil.evaluate(() => window.opened.length), 0);
  await evil.evaluate(() => window.opened.postMessage('x', '*'));
  await opened.close();
});

test('a form that it sends is refused', async () => {
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const form = await context.newPage();
    await form.goto(`${site}/evil`);
    const [answer] = await Promise.all([
      form.waitForResponse(`${dashboard}/api/v1/admin/apps`),
      form.evaluate(
        ([url, enctype]) => {
          const form = document.createElement('form');
          Object.assign(form, { action: url, method: 'POST', enctype });
          form.append(Object.assign(document.createElement('input'), { name: '{"slug":"made-by-form","name":"', value: '"}' }));
          document.body.append(form);
          form.submit();
        },
        [`${dashboard}/api/v1/admin/apps`, enctype],
      ),
    ]);
    assert.equal(answer.status(), 403, enctype);
    await form.close();
  }
  await assert.rejects(api('GET', 'apps/made-by-form', { token }), /404/);
});

test('the public address has no dashboard, and that of the dashboard no app', async () => {
  for (const path of ['/', '/apps', '/index.html', '/mark.svg']) {
    const answer = await fetch(site + path);
    assert.equal(answer.status, 404, path);
  }
  for (const path of ['/evil', '/hello', '/healthz', '/metrics']) {
    assert.equal((await fetch(dashboard + path)).status, 404, path);
    const text = await (await fetch(dashboard + path, { headers: { Accept: 'text/html' } })).text();
    assert.match(text, /<div id="page">/, path);
  }
  const { items } = await api('GET', 'apps/hostile/scripts', { token });
  const ran = await fetch(`${dashboard}/api/v1/execute/${items[0].id}`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(ran.status, 404); // its answer would be a page of the app, at this origin
});

test('an app of the same host name, on another port, is foreign to it', async (t) => {
  const [named, foreign] = [dashboard, site].map((address) => `http://named.example:${new URL(address).port}`);
  const { chromium } = await import('playwright-core');
  const naming = await chromium.launch({
    executablePath: process.env.PICLOUD_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--host-resolver-rules=MAP named.example 127.0.0.1', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
  t.after(() => naming.close());
  const page = await naming.newPage();
  assert.equal((await page.goto(named)).status(), 200);
  assert.equal(await page.evaluate(() => fetch('/api/v1/admin/auth/login', { method: 'POST', body: '{}' }).then((r) => r.status)), 415);
  await page.goto(`${foreign}/evil`);
  assert.equal(await page.title(), 'evil');
  const [answer] = await Promise.all([
    page.waitForResponse(`${named}/api/v1/admin/auth/login`),
    page.evaluate((url) => {
      const form = Object.assign(document.createElement('form'), { action: url, method: 'POST', enctype: 'text/plain' });
      document.body.append(form);
      form.submit();
    }, `${named}/api/v1/admin/auth/login`),
  ]);
  assert.equal(answer.status(), 403);
});

test('a name that DNS points at the dashboard is not answered', async (t) => {
  const { port } = new URL(dashboard);
  const { chromium } = await import('playwright-core');
  const rebinding = await chromium.launch({
    executablePath: process.env.PICLOUD_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--host-resolver-rules=MAP rebound.example 127.0.0.1', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
  t.after(() => rebinding.close());
  const page = await rebinding.newPage();
  const answer = await page.goto(`http://rebound.example:${port}/`);
  assert.equal(answer.status(), 421);
  const status = await page.evaluate(() => fetch('/api/v1/admin/auth/login', { method: 'POST', body: '{}' }).then((r) => r.status));
  assert.equal(status, 421);
});

test('a path that its author wrote is one word of the command that an administrator copies', async (t) => {
  const { items } = await api('GET', 'apps/hostile/scripts', { token });
  await api('POST', `scripts/${items[0].id}/routes`, { token, body: { method: 'DELETE', path: "/x';touch $HOME/evil;`id`|'" } });
  const page = await open(t, browser, { token, path: '/apps/hostile/routes' });
  const command = await copied(page, () => page.getByRole('button', { name: 'curl', exact: true }).click(), /touch/);
  const words = execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }; ${command}`], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(words.slice(0, 2), ['-X', 'DELETE']);
  assert.equal(words.length, 3);
  assert.ok(words[2].startsWith(`${site}/x%27;touch`), words[2]);
});
