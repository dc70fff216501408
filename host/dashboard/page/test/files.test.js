import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, dashboard, launch, login } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

test('a file that is a page is no page of the dashboard: it is saved, or has an origin of its own and no script', async () => {
  await api('POST', 'apps', { token, body: { slug: 'uploads' } });
  const address = `${dashboard}/api/v1/admin/apps/uploads/files/pages`;
  const authorization = { Authorization: `Bearer ${token}` };
  const sent = await fetch(`${address}?name=evil.html`, {
    method: 'POST',
    headers: { ...authorization, 'Content-Type': 'text/html' },
    body: '<!doctype html><title>evil</title><script>document.title = String(localStorage.length)</script>',
  });
  assert.equal(sent.status, 201);
  const { id } = await sent.json();
  const answer = await fetch(`${address}/${id}`, { headers: authorization });
  assert.match(answer.headers.get('Content-Disposition') ?? '', /^attachment/);
  assert.equal(answer.headers.get('X-Content-Type-Options'), 'nosniff');
  assert.match(answer.headers.get('Content-Security-Policy'), /sandbox|default-src 'none'/);

  // Opened with the token, which no link has: it becomes a download.
  const context = await browser.newContext({ extraHTTPHeaders: authorization });
  const page = await context.newPage();
  const [download] = await Promise.all([page.waitForEvent('download'), page.goto(`${address}/${id}`).catch(() => {})]);
  assert.equal(download.suggestedFilename(), 'evil.html');
  assert.notEqual(await page.title(), 'evil');
  await context.close();
});
