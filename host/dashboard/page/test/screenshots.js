// Takes the pictures of all screens into host/dashboard/screenshots: `make screenshots`. On a desk they are light, on a
// phone dark. They are WebP, which is a third of what PNG is.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launch, login, open } from './browser.js';
import { furnish, ready, screens } from './screens.js';

const to = fileURLToPath(new URL('../../screenshots/', import.meta.url));
mkdirSync(to, { recursive: true });
const [browser, token] = [await launch(), await login()];
await furnish(token);
for (const screen of await screens(token)) {
  for (const [width, theme] of [[1440, 'light'], [360, 'dark']]) {
    let end;
    const page = await open({ after: (does) => (end = does) }, browser, { token: screen.out ? undefined : token, width, theme, path: screen.path, expected: screen.expected });
    await ready(page, screen);
    await page.waitForTimeout(200); // what is drawn after it is there
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
    writeFileSync(`${to}${screen.name}-${width}.webp`, data, 'base64');
    await end();
  }
}
await browser.close();
