import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { launch, login, open, violations } from './browser.js';
import { dialogs, furnish, ready, screens } from './screens.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
  await furnish(token);
});
after(() => browser.close());

test('axe finds nothing wrong on any screen, and none is wider than a phone', async (t) => {
  for (const screen of await screens(token)) {
    for (const width of [1440, 360]) {
      await t.test(`${screen.name}, ${width} px`, async (t) => {
        const page = await open(t, browser, { token: screen.out ? undefined : token, width, theme: 'dark', path: screen.path, expected: screen.expected });
        await ready(page, screen);
        await inBothThemes(page);
        const { scrollWidth, clientWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth }));
        assert.ok(scrollWidth <= clientWidth, `it is ${scrollWidth} px wide, on a screen of ${clientWidth}`);
      });
    }
  }
});

test('axe finds nothing wrong with what opens over a screen', async (t) => {
  const all = await screens(token);
  for (const [i, [name, act]] of dialogs.entries()) {
    const screen = all.find((s) => s.name === name);
    for (const width of [1440, 360]) {
      await t.test(`${i + 1}, over ${name}, ${width} px`, async (t) => {
        const page = await open(t, browser, { token, width, theme: 'dark', path: screen.path });
        await ready(page, screen);
        await act(page);
        await page.locator('[role="dialog"], [role="alertdialog"]').first().waitFor();
        await inBothThemes(page);
      });
    }
  }
});

test('every address of the router is among the screens', async () => {
  const paths = (await screens(token)).map(({ path }) => path.replace(/[?#].*/, ''));
  for (const address of addresses()) {
    const pattern = new RegExp(`^${address.replace(/:[^/]+/g, '[^/]+')}$`);
    assert.ok(paths.some((path) => pattern.test(path)), `no screen of test/screens.js is at ${address}`);
  }
});

async function inBothThemes(page) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], colorScheme);
  }
}

/** Reads the addresses of src/router.ts, but for those that lead to another at once. */
function addresses() {
  const text = readFileSync(new URL('../src/router.ts', import.meta.url), 'utf8');
  const [table] = /^const routes = \{$.*?^\};$/ms.exec(text);
  const found = [];
  const around = [];
  for (const line of table.split('\n')) {
    const [, key, value] = /^\s+'(\/[^']*)': (.*)$/.exec(line) ?? [];
    if (value === '{') around.push(key);
    else if (key !== undefined && !/Start\.svelte/.test(value)) found.push([...around, key].join('').replace(/\/$/, '') || '/');
    else if (/^\s+\},$/.test(line)) around.pop();
  }
  assert.ok(found.length > 30, `the router has ${found.length} addresses`);
  return found;
}
