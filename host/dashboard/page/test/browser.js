// What the tests in a browser share: Chromium, the server under test, and somebody who is logged in.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { env } = process;

/** The dashboard's address, the public one, and who may log in: host/e2e sets them. */
export const dashboard = env.PICLOUD_TEST_DASHBOARD;
export const site = env.PICLOUD_TEST_SITE;
/** A server at its first start: where its dashboard is, and the password that it printed. */
export const first = { dashboard: env.PICLOUD_TEST_FIRST, site: env.PICLOUD_TEST_FIRST_SITE, password: env.PICLOUD_TEST_FIRST_PASSWORD };
/** A server that a test starts and stops. */
export const restarted = {
  dashboard: env.PICLOUD_TEST_RESTARTED,
  start: () => fetch(`${env.PICLOUD_TEST_CONTROL}/start`, { method: 'POST' }),
  stop: () => fetch(`${env.PICLOUD_TEST_CONTROL}/stop`, { method: 'POST' }),
};
export const user = { username: env.PICLOUD_TEST_USERNAME ?? 'admin', password: env.PICLOUD_TEST_PASSWORD };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long a test waits for what comes at once, unless the machine is busy: milliseconds. */
const patience = 60_000;

/** Starts Chromium. It ends with the tests of a file. */
export async function launch() {
  return chromium.launch({
    executablePath: env.PICLOUD_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [], // which root cannot have
  });
}

/** Makes a request to the API, as who is logged in by the token, and returns what it is answered. */
export async function api(method, path, { token, body, at = dashboard } = {}) {
  const response = await fetch(`${at}/api/v1/admin/${path}`, {
    method,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** Uploads a file to an app, and returns what the API tells of it. */
export async function upload(token, app, collection, name, type, content) {
  const response = await fetch(`${dashboard}/api/v1/admin/apps/${app}/files/${collection}?${new URLSearchParams({ name })}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
    body: content,
  });
  if (!response.ok) throw new Error(`the upload of ${name}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Uploads a plugin of the examples. */
export async function uploadPlugin(path, { token, file }) {
  const response = await fetch(`${dashboard}/api/v1/admin/${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/wasm' },
    body: readFileSync(new URL(`../../../../examples/${file}`, import.meta.url)),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Waits until what is asked for answers as it should, and returns that. */
export async function until(ask) {
  for (const end = Date.now() + patience; ; await new Promise((done) => setTimeout(done, 50))) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`it never came: ${ask}`);
  }
}

/**
 * Keeps back the requests for a URL, or those of a method among them. `asked` waits until there is one, `answer` lets them go on,
 * and those that come later.
 */
export async function keepBack(page, url, method) {
  const kept = [];
  let [come, open] = [undefined, false];
  const first = new Promise((then) => (come = then));
  await page.route(url, (route) => {
    if (open || (method && route.request().method() !== method)) return route.fallback();
    kept.push(route);
    come();
  });
  return {
    asked: () => first,
    answer: async () => {
      await first;
      open = true;
      await Promise.all(kept.map((route) => route.continue()));
    },
  };
}

/** Waits until a field of a dialog has the focus, which is where one types. */
export function focused(page) {
  return page.locator('[role="dialog"] :is(input, select, textarea):focus').waitFor();
}

/** Returns what the page copies. */
export async function copied(page, act, pattern) {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await act();
  return until(async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    return pattern.test(text) && text;
  });
}

/** Logs in by the API and returns the token. */
export async function login(at = dashboard) {
  return (await api('POST', 'auth/login', { body: user, at })).token;
}

/**
 * Opens a page, logged in if there is a token, in a context of its own. What a page complains of in its console, as
 * of the policy, fails the test at the end.
 */
export async function open(t, browser, { token, width = 1440, theme = 'light', path = '/', expected = [], at = dashboard } = {}) {
  const context = await browser.newContext({ viewport: { width, height: width < 600 ? 780 : 900 }, colorScheme: theme, reducedMotion: 'reduce' });
  if (token) await context.addInitScript(`if (location.origin === '${at}') sessionStorage.setItem('picloud.token', '${token}')`);
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  t.after(async () => {
    await context.close();
    const unexpected = complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    if (unexpected.length) throw new Error(`the page complains:\n${unexpected.join('\n')}`);
  });
  await page.goto(at + path);
  return page;
}

/** Returns all that is in a page, with what its fields have, which its source has not. */
export async function everything(page) {
  const fields = await page.locator('input, textarea').evaluateAll((all) => all.map((field) => field.value));
  return [await page.content(), ...fields].join('\n');
}

/** Returns what axe finds wrong on a page, one line for each element. */
export async function violations(page) {
  await page.evaluate(axe); // not as an element: the policy allows none
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
}

/** Returns the code of an authenticator (RFC 6238). */
export function totp(secret) {
  const bits = [...secret.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
