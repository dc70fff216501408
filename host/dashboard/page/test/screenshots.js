// Takes the pictures of all screens into host/dashboard/screenshots: `make screenshots`.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launch, login, open } from './browser.js';
import { furnish, ready, screens } from './screens.js';

const to = fileURLToPath(new URL('../../screenshots/', import.meta.url));
mkdirSync(to, { recursive: true });
const [browser, token] = [await launch(), await login()];
await furnish(token);
const ends = [];
for (const screen of await screens(token)) {
  for (const [width, theme] of [[1440, 'light'], [1440, 'dark'], [360, 'light']]) {
    const t = { after: (end) => ends.push(end) };
    const page = await open(t, browser, { token: screen.out ? undefined : token, width, theme, path: screen.path, expected: screen.expected });
    await ready(page, screen);
    await page.waitForTimeout(200); // what is drawn after it is there
    await page.screenshot({ path: `${to}${screen.name}-${width}${theme === 'dark' ? '-dark' : ''}.png` });
  }
}
for (const end of ends) await end();
await browser.close();
