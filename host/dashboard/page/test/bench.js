// How long a person waits for each step in long lists, in Chromium on the real server: `make bench-dashboard`. A step is
// measured from its beginning to the frame that shows what came of it, with what the server takes for it, and as the
// longest time in which the page could do nothing else.
import { api, launch, login, open, site } from './browser.js';

const most = 100; // milliseconds
const amounts = { scripts: 1_000, executions: 10_000, documents: 100_000, files: 2_000 };

/** What counts the rows that a list has, in the page. */
const rowsOf = `(() => {
  const table = document.querySelector('main table');
  return table.hasAttribute('aria-rowcount') ? Number(table.getAttribute('aria-rowcount')) - 1 : table.tBodies[0].rows.length;
})()`;

const [browser, token] = [await launch(), await login()];
await furnish();
const ends = [];
const page = await open({ after: (end) => ends.push(end) }, browser, { token, path: '/apps/long' });
await page.getByRole('heading', { level: 1, name: 'Long' }).waitFor();

const results = [];
const lists = [
  { name: 'scripts', path: '/apps/long/scripts', sort: true },
  { name: 'executions', path: '/apps/long/executions', text: 'a line of the log' },
  { name: 'documents', path: '/apps/long/data/docs/orders' },
  { name: 'files', path: '/apps/long/data/files/notes' },
];
for (const list of lists) {
  await goTo('/apps/long'); // so that the screen's code is loaded when it is measured
  await goTo(list.path);
  await goTo('/apps/long');
  await step(`${list.name}: open`, follow(list.path), () => document.querySelectorAll('main tbody tr').length > 10);
  if (list.sort) await step(`${list.name}: sort`, () => document.querySelector('main th button').click(), () => document.querySelector('main th[aria-sort]'));
  if (list.text) {
    const type = (text) => `() => { const field = document.querySelector('main input[type="search"]'); field.value = '${text}'; field.dispatchEvent(new Event('input', { bubbles: true })); }`;
    // The page waits 300 ms for the next letter, which is no part of the step.
    await step(`${list.name}: search (after the pause of 300 ms)`, type(list.text), () => location.search.includes('text='), 0, 300);
    await step(`${list.name}: what is found`, '() => {}', () => document.querySelectorAll('main tbody tr').length > 10);
    await step(`${list.name}: search for nothing (after 300 ms)`, type(''), () => !location.search.includes('text='), 0, 300);
    await page.waitForTimeout(500);
  }
  // To the end, as far as there is more to load.
  for (let before = 0, n = await rows(); n > before; before = n, n = await rows()) {
    const more = n < amounts[list.name];
    const shown = more ? `() => ${rowsOf} > ${n}` : '() => document.querySelector(\'main tbody tr:last-child:not(.space)\')';
    await step(`${list.name}: scroll to the end`, () => scrollTo(0, document.documentElement.scrollHeight), shown, n);
    if (!more) break;
  }
  const n = await rows();
  for (let i = 0; i < 20; i++) {
    await step(`${list.name}: scroll in ${n} rows`, `() => { window.was = document.querySelector('main tbody tr[aria-rowindex]')?.ariaRowIndex; scrollTo(0, ${(i * 7919) % (n * 40)}); }`,
      () => document.querySelector('main tbody tr[aria-rowindex]')?.ariaRowIndex !== window.was, n);
  }
  await step(`${list.name}: back to the top`, () => scrollTo(0, 0), () => document.querySelector('main tbody tr[aria-rowindex="2"]'), n);
}

const kinds = [...new Set(results.map(({ name }) => name))];
console.log('\nstep                                        times   median      most   blocked at most   rows at most');
let slow = 0;
for (const kind of kinds) {
  const of = results.filter(({ name }) => name === kind);
  const ms = of.map((r) => r.ms).sort((a, b) => a - b);
  const [median, worst, blocked] = [ms[Math.floor(ms.length / 2)], ms.at(-1), Math.max(...of.map((r) => r.blocked))];
  if (worst > most) slow++;
  const cells = [`${of.length}`.padStart(5), `${median.toFixed(0)} ms`.padStart(8), `${worst.toFixed(0)} ms`.padStart(9), `${blocked.toFixed(0)} ms`.padStart(17), `${Math.max(...of.map((r) => r.n))}`.padStart(14)];
  console.log(`${kind.padEnd(44)}${cells.join(' ')}${worst > most ? '  over' : ''}`);
}
for (const end of ends) await end();
await browser.close();
if (slow) {
  console.log(`\n${slow} kinds of steps have taken more than ${most} ms.`);
  process.exitCode = 1;
}

/** Makes an app with long lists of everything. */
async function furnish() {
  const in_ = (method, path, body) => api(method, `apps/long/${path}`, { token, body });
  await api('POST', 'apps', { token, body: { slug: 'long', name: 'Long' } });
  const quick = await in_('POST', 'scripts', { name: 'quick', source: 'log::info("a line of the log"); "ok"' });
  await api('POST', `scripts/${quick.id}/routes`, { token, body: { path: '/long/quick' } });
  await each(amounts.scripts - 3, 8, (i) => in_('POST', 'scripts', { name: `s${i}`, kind: 'module', source: `fn f() { ${i} }` }));
  await each(amounts.executions, 16, async () => void (await (await fetch(`${site}/long/quick`)).arrayBuffer()));
  const fill = async (name, source, amount, lanes) => {
    const { id } = await in_('POST', 'scripts', { name, source, limits: { max_operations: 10_000_000, timeout_ms: 60_000 } });
    await each(Math.ceil(amount / 500), lanes, async (i) => {
      const { error } = await api('POST', `scripts/${id}/run`, { token, body: { request: { query: { from: String(500 * i) } } } });
      if (error) throw new Error(error.message);
    });
  };
  const from = 'let from = ctx.request.query.from.parse_int(); ';
  await fill('documents', `${from}let orders = docs::collection("orders"); for i in from..from + 500 { orders.create(#{ number: i, item: "tea", paid: i % 2 == 0, to: #{ city: "Basel" } }); } ()`, amounts.documents, 4);
  await fill('notes', `${from}let notes = files::collection("notes"); for i in from..from + 500 { notes.create(#{ name: \`n\${i}.txt\`, content_type: "text/plain", data: "a note" }); } ()`, amounts.files, 2);
}

/** Does something so many times, some at a time. */
async function each(times, lanes, act) {
  let next = 0;
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (next < times) await act(next++);
  }));
}

/** Follows a link that the page could have. */
function follow(href) {
  return `() => { const link = Object.assign(document.createElement('a'), { href: '${href}' }); document.body.append(link); link.click(); link.remove(); }`;
}

async function goTo(path) {
  await page.evaluate(`(${follow(path)})()`);
  await page.waitForFunction((path) => location.pathname === path && document.querySelector('main h1'), path);
  await page.waitForTimeout(500);
}

function rows() {
  return page.evaluate(rowsOf);
}

/** Does a step, waits until it is done, and keeps how long that took. Both are functions of the page. */
async function step(name, act, done, n = 0, pause = 0) {
  const { ms, blocked } = await page.evaluate(`(${measure})(${act}, ${done})`);
  results.push({ name, ms: ms - pause, blocked, n });
}

/** Runs in the page. */
async function measure(act, done) {
  let blocked = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) blocked = Math.max(blocked, entry.duration);
  });
  observer.observe({ type: 'longtask' });
  const frame = () => new Promise(requestAnimationFrame);
  const begun = performance.now();
  act();
  await frame();
  while (!done()) {
    if (performance.now() - begun > 20_000) throw new Error(`not done after 20 s: ${done}`);
    await frame();
  }
  const ms = performance.now() - begun;
  await new Promise((then) => setTimeout(then, 50));
  observer.disconnect();
  return { ms, blocked };
}
