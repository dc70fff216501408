// Lighthouse looks at the overview of an app, as on a slow phone and as on a desk: `make lighthouse`. With --lasting, which is
// for every run of the tests, it says nothing of speed, which the machine has a share in.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import lighthouse, { desktopConfig } from 'lighthouse';
import { chromium } from 'playwright-core';

import { dashboard, login } from './browser.js';
import { furnish } from './screens.js';

const least = 95;
const categories = ['accessibility', 'best-practices', ...(process.argv.includes('--lasting') ? [] : ['performance'])];
const token = await login();
await furnish(token);

const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), 'picloud-lighthouse-'))];
const browser = await chromium.launchPersistentContext(folder, {
  executablePath: process.env.PICLOUD_TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: [`--remote-debugging-port=${port}`, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])], // which root cannot have
});
let low = 0;
try {
  const page = await browser.newPage();
  await page.goto(dashboard);
  await page.evaluate((token) => localStorage.setItem('picloud.token', token), token); // Lighthouse opens a tab of its own
  const session = await browser.newCDPSession(page);
  for (const [name, config] of [['phone'], ['desk', desktopConfig]]) {
    await session.send('Network.clearBrowserCache'); // as at the first visit; Lighthouse's own way would clear the token, too
    const { lhr } = await lighthouse(`${dashboard}/apps/gallery`, { port, onlyCategories: categories, disableStorageReset: true, logLevel: 'error' }, config);
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    for (const category of Object.values(lhr.categories)) {
      const score = Math.round(100 * (category.score ?? 0));
      console.log(`${name.padEnd(6)} ${category.title.padEnd(14)} ${score}`);
      if (score >= least) continue;
      low++;
      for (const { id, weight } of category.auditRefs) {
        const audit = lhr.audits[id];
        if (weight && audit.score !== null && audit.score < 0.9) console.log(`  ${audit.score.toFixed(2)} ${audit.title}${audit.displayValue ? `: ${audit.displayValue}` : ''}`);
      }
    }
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
if (low) {
  console.log(`${low} are too low.`);
  process.exitCode = 1;
}

function freePort() {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}
