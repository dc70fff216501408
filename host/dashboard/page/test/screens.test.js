import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, login, open, violations } from './browser.js';
import { furnish, ready, screens } from './screens.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
  await furnish(token);
});
after(() => browser.close());

test('axe finds nothing wrong on any screen, and none is wider than a phone', async (t) => {
  for (const screen of await screens(token)) {
    for (const [width, theme] of [[1440, 'dark'], [360, 'light'], [360, 'dark']]) {
      await t.test(`${screen.name}, ${width} px, ${theme}`, async (t) => {
        const page = await open(t, browser, { token: screen.out ? undefined : token, width, theme, path: screen.path, expected: screen.expected });
        await ready(page, screen);
        assert.deepEqual(await violations(page), []);
        const { scrollWidth, clientWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth }));
        assert.ok(scrollWidth <= clientWidth, `it is ${scrollWidth} px wide, on a screen of ${clientWidth}`);
      });
    }
  }
});
