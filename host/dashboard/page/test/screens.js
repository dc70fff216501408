// Every screen, for the tests of all of them and for their pictures: its name, its address, and what shows that it is
// there. A new screen is a line here.
import { api, login, until, upload, uploadPlugin } from './browser.js';

/** Makes what the screens show, once. */
export async function furnish(token) {
  try {
    await api('POST', 'apps', { token, body: { slug: 'gallery', name: 'Gallery' } });
  } catch (refused) {
    if (!/409/.test(refused.message)) throw refused;
    return;
  }
  await api('POST', 'apps', { token, body: { slug: 'bare', name: 'Bare' } });
  for (const [name, kind, source] of [
    ['orders/create', 'endpoint', '// Takes an order.\nlet order = ctx.request.body;\nlet id = docs::collection("orders").create(order);\n#{ statusCode: 201, body: #{ id: id } }\n'],
    ['orders/list', 'endpoint', 'docs::collection("orders").list()\n'],
    ['lib/money', 'module', 'fn cents(amount) {\n  (amount * 100).to_int()\n}\n'],
  ]) {
    const script = await api('POST', 'apps/gallery/scripts', { token, body: { name, kind, source } });
    if (kind === 'endpoint') await api('POST', `scripts/${script.id}/routes`, { token, body: { path: `/${name}` } });
    if (name !== 'orders/create') continue;
    await api('PUT', `scripts/${script.id}`, { token, body: { source: source.replace('create(order)', 'create(order ?? #{})') } });
    await api('POST', `scripts/${script.id}/run`, { token, body: { request: { method: 'POST', body: { item: 'tea' } } } });
  }
  const carts = { ada: { items: [{ sku: 'tea', quantity: 2 }], total: 7.5 }, grace: { items: [], total: 0 }, alan: 'gone for lunch' };
  for (const [key, value] of Object.entries(carts)) await api('PUT', `apps/gallery/kv/carts/${key}`, { token, body: { value, ...(key === 'ada' && { ttl_ms: 7_200_000 }) } });
  for (let i = 0; i < 24; i++) {
    const data = { number: 1000 + i, customer: { name: ['Ada', 'Grace', 'Alan'][i % 3], city: ['Paris', 'Oslo'][i % 2] }, paid: i % 3 === 0, total: 4.5 + 3 * i };
    await api('POST', 'apps/gallery/docs/orders', { token, body: { data } });
  }
  await upload(token, 'gallery', 'photos', 'logo.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="96"><rect width="160" height="96" rx="14" fill="#0b6e69"/></svg>');
  await upload(token, 'gallery', 'photos', 'notes.txt', 'text/plain', 'Buy tea.\n');
  await uploadPlugin('apps/gallery/scripts?name=images/avatar', { token, file: 'plugin-c/avatar.wasm' });
  await runs(token);
  for (const name of ['mail_password', 'stripe_key']) await api('PUT', `apps/gallery/secrets/${name}`, { token, body: { value: 'a value' } });
  await login(); // a session beside that of the token
  await api('POST', 'apps/gallery/domains', { token, body: { host: 'gallery.example' } });
  await api('POST', 'apps/gallery/domains', { token, body: { host: '*.gallery.example' } });
  for (const [username, role] of [['grace', 'member'], ['linus', 'admin']]) await api('POST', 'users', { token, body: { username, role, password: 'a long password of theirs' } });
  await api('POST', 'users', { token, body: { username: 'margaret', role: 'member' } });
  await api('PUT', 'apps/gallery/members/grace', { token, body: { role: 'editor' } });
  await api('PUT', 'apps/gallery/members/margaret', { token, body: { role: 'viewer' } });
  await api('PUT', 'apps/gallery/quota', { token, body: { docs_bytes: 1 << 20, requests_per_second: 50 } });
  await api('POST', 'apps/gallery:rename', { token, body: { slug: 'museum' } });
  await api('POST', 'apps/museum:rename', { token, body: { slug: 'gallery' } });
  for (const [name, scopes] of [['ci', ['script:write', 'route:write']], ['monitoring', ['log:read']]]) {
    await api('POST', 'me/keys', { token, body: { name, scopes, expires_at: new Date(Date.now() + 5 * 86_400_000).toISOString() } });
  }
  await furnishEvents(token);
}

/** Makes triggers of every kind, and what is waiting, failing and has failed. */
async function furnishEvents(token) {
  const gallery = (method, path, body) => api(method, `apps/gallery/${path}`, { token, body });
  const source = '// Sends a mail for each message.\nlet mail = ctx.event.queue.messages[0].body;\nthrow `the mail server refused ${mail.to}`;\n';
  const mailer = await gallery('POST', 'scripts', { name: 'mails/send', source });
  const worker = await gallery('POST', 'scripts', { name: 'orders/count', source: 'log::info("counted");\n#{}\n' });
  const make = (kind, body) => gallery('POST', `triggers/${kind}`, { script: worker.id, ...body });
  await make('cron', { name: 'nightly report', schedule: '0 3 * * *', timezone: 'Europe/Zurich' });
  await make('cron', { name: 'office hours', schedule: '*/20 8-17 * * 1-5', enabled: false });
  const orders = await make('docs', { name: 'new orders', collection: 'orders*', operations: ['create'], filter: { paid: true } });
  await make('kv', { name: 'carts that expire', collection: 'carts', operations: ['expire'] });
  await make('files', { name: 'thumbnails', collection: 'photos' });
  await make('pubsub', { name: 'price changes', topic: 'prices.*' });
  await make('dead_letter', { name: 'alarm', source: 'cron' });
  const mails = { script: mailer.id, topic: 'mails' };
  const letters = await make('queue', { ...mails, name: 'mails', retry: { max_attempts: 3, base_ms: 100, jitter: 0 } });
  for (const to of ['ada@example.org', 'grace@example.org', 'alan@example.org']) await gallery('POST', 'queues/mails/messages', { message: { to, subject: 'Your order', order: { number: 1042, items: ['tea', 'cups'] } } });
  await until(async () => (await gallery('GET', 'dead-letters')).unresolved === 3);
  await api('PATCH', `triggers/${letters.id}`, { token, body: { retry: { max_attempts: 5, base_ms: 600_000, max_ms: 3_600_000 } } });
  await gallery('POST', 'queues/mails/messages', { message: { to: 'linus@example.org', subject: 'Your order' } });
  await api('POST', `triggers/${orders.id}:pause`, { token });
  for (const number of [2001, 2002]) await api('POST', `triggers/${orders.id}:fire`, { token, body: { data: { number, paid: true } } });
  for (let i = 0; i < 12; i++) await gallery('POST', 'queues/reports/messages', { message: { month: i + 1, year: 2026 }, key: `month-${i + 1}` });
  await gallery('PUT', 'topics/prices', { access: 'public' });
  await gallery('PUT', 'topics/orders.1042', { access: 'token' });
}

/** Has scripts run, well and not. */
async function runs(token) {
  const made = {};
  for (const [name, source] of [
    ['orders/total', `// What an order costs, with the tax of its country.
fn tax(country) {
  let rates = kv::collection("taxes").get("rates");
  rates[country]
}

let order = ctx.request?.body ?? ctx.args;
log::info("an order is priced", #{ country: order.country, items: order.items.len() });
for item in order.items {
  docs::collection("orders").create(item);
}
let rate = tax(order.country);
let sum = 0;
for item in order.items {
  sum += item.price * (1 + rate);
}
#{ sum: sum }
`],
    ['orders/checkout', `log::info("checking out");
invoke("orders/list", #{});
invoke("orders/total", ctx.request.body)
`],
  ]) {
    made[name] = await api('POST', 'apps/gallery/scripts', { token, body: { name, kind: 'endpoint', source } });
  }
  const { items } = await api('GET', 'apps/gallery/scripts', { token });
  const ofCreate = items.find((script) => script.name === 'orders/create').id;
  await api('PUT', `scripts/${ofCreate}/cases`, { token, body: { items: [
    { name: 'an order of tea', request: { method: 'POST', path: '/orders/create', body: { item: 'tea' } }, status: 201 },
    { name: 'nothing is ordered', request: { method: 'POST', path: '/orders/create' }, status: 422 },
  ] } });
  const run = (name, body, more) => {
    const { id } = items.find((script) => script.name === name);
    return api('POST', `scripts/${id}/run`, { token, body: { request: { method: 'POST', path: `/${name}`, body }, ...more } });
  };
  await api('PUT', 'apps/gallery/kv/taxes/rates', { token, body: { value: { de: 0.19, fr: 0.2 } } });
  for (let i = 0; i < 12; i++) await run('orders/create', { item: i });
  for (let i = 0; i < 6; i++) await run('orders/list');
  await run('orders/total', { country: 'de', items: [{ price: 3 }, { price: 4 }] }, { trace: true });
  await run('orders/checkout', { country: 'nowhere', items: [{ price: 3 }, { price: 4 }] });
}

/** Returns the screens. `ready` is the name of an element's role and its name. */
export async function screens(token) {
  const { items } = await api('GET', 'apps/gallery/scripts', { token });
  const order = (await api('GET', 'apps/gallery/docs/orders?limit=1', { token })).items[0];
  const photo = (await api('GET', 'apps/gallery/files/photos?limit=1', { token })).items[0];
  const data = '/apps/gallery/data';
  const triggers = (await api('GET', 'apps/gallery/triggers', { token })).items;
  const event = (await api('GET', 'apps/gallery/events?source=queue', { token })).items[0];
  const letter = (await api('GET', 'apps/gallery/dead-letters?source=queue', { token })).items[0];
  const events = '/apps/gallery/events';
  const [script, plugin] = ['orders/create', 'images/avatar'].map((name) => items.find((s) => s.name === name));
  const failed = await until(async () => (await api('GET', 'apps/gallery/executions?outcome=failed&script=orders/total', { token })).items[0]);
  const people = (await api('GET', 'users', { token })).items;
  return [
    { name: 'login', path: '/', out: true, ready: ['button', 'Log in'] },
    { name: 'apps', path: '/apps', ready: ['link', 'Gallery'] },
    { name: 'overview', path: '/apps/gallery', ready: ['heading', 'What caused them'] },
    { name: 'overview-empty', path: '/apps/bare', ready: ['heading', 'This app has no scripts yet'] },
    { name: 'executions', path: '/apps/gallery/executions', ready: ['button', 'Live'] },
    { name: 'executions-filtered', path: '/apps/gallery/executions?outcome=failed&min_ms=0&range=1h&text=nowhere', ready: ['button', 'Clear'] },
    { name: 'executions-empty', path: '/apps/bare/executions', ready: ['heading', 'Nothing has run yet'] },
    { name: 'execution', path: `/apps/gallery/executions/${failed.id}`, ready: ['heading', 'Host calls'] },
    { name: 'failures', path: '/failures', ready: ['table', 'Failures'] },
    { name: 'health', path: '/health', ready: ['heading', 'Still to be done'] },
    { name: 'scripts', path: '/apps/gallery/scripts', ready: ['link', 'orders/create'] },
    { name: 'scripts-empty', path: '/apps/bare/scripts', ready: ['heading', 'No scripts yet'] },
    { name: 'script', path: `/apps/gallery/scripts/${script.id}`, ready: ['textbox', 'Source of orders/create'], act: runCases },
    { name: 'data-empty', path: '/apps/bare/data/docs', ready: ['heading', 'No documents yet'] },
    { name: 'data-kv-empty', path: '/apps/bare/data/kv', ready: ['heading', 'No entries yet'] },
    { name: 'data-files-empty', path: '/apps/bare/data/files', ready: ['heading', 'No files yet'] },
    { name: 'data-kv', path: `${data}/kv/carts`, ready: ['link', 'grace'] },
    { name: 'data-entry', path: `${data}/kv/carts/ada`, ready: ['button', 'Tree'] },
    { name: 'data-docs', path: `${data}/docs/orders`, ready: ['cell', '1000'] },
    { name: 'data-docs-json', path: `${data}/docs/orders?view=json&filter=paid%3A+true`, ready: ['columnheader', 'Data'] },
    { name: 'data-doc', path: `${data}/docs/orders/${order.id}`, ready: ['button', 'Tree'] },
    { name: 'data-files', path: `${data}/files/photos`, ready: ['link', 'logo.svg'] },
    { name: 'data-file', path: `${data}/files/photos/${photo.id}`, ready: ['img', 'logo.svg'] },
    { name: 'triggers', path: `${events}/triggers`, ready: ['link', 'nightly report'] },
    { name: 'triggers-empty', path: '/apps/bare/events/triggers', ready: ['heading', 'No triggers yet'] },
    { name: 'trigger', path: `${events}/triggers/${triggers.find((t) => t.name === 'nightly report').id}`, ready: ['list', 'The next five times'] },
    { name: 'trigger-docs', path: `${events}/triggers/${triggers.find((t) => t.name === 'new orders').id}`, ready: ['table', 'Pending events of new orders'] },
    { name: 'pending', path: `${events}/pending`, ready: ['table', 'Pending events'] },
    { name: 'pending-empty', path: '/apps/bare/events/pending', ready: ['heading', 'Nothing is pending'] },
    { name: 'event', path: `${events}/pending/${event.id}`, ready: ['heading', 'Payload'] },
    { name: 'queues', path: `${events}/queues`, ready: ['link', 'reports'] },
    { name: 'queues-empty', path: '/apps/bare/events/queues', ready: ['heading', 'No queues yet'] },
    { name: 'queue', path: `${events}/queues/reports`, ready: ['table', 'Messages of reports'] },
    { name: 'topics', path: `${events}/topics`, ready: ['cell', 'prices'] },
    { name: 'topics-empty', path: '/apps/bare/events/topics', ready: ['heading', 'No topic is open to outside'] },
    { name: 'dead-letters', path: `${events}/dead-letters`, ready: ['table', 'Dead letters'] },
    { name: 'dead-letters-empty', path: '/apps/bare/events/dead-letters', ready: ['heading', 'No dead letters'] },
    { name: 'dead-letter', path: `${events}/dead-letters/${letter.id}`, ready: ['heading', 'Payload'] },
    { name: 'script-routes', path: `/apps/gallery/scripts/${script.id}/routes`, ready: ['cell', '/orders/create'] },
    { name: 'script-versions', path: `/apps/gallery/scripts/${script.id}/versions?version=1`, ready: ['textbox', 'From version 1 to version 2'] },
    { name: 'script-executions', path: `/apps/gallery/scripts/${script.id}/executions`, ready: ['columnheader', 'Outcome'] },
    { name: 'script-settings', path: `/apps/gallery/scripts/${script.id}/settings`, ready: ['spinbutton', 'Timeout'] },
    { name: 'script-plugin', path: `/apps/gallery/scripts/${plugin.id}`, ready: ['heading', 'Exports 2'] },
    { name: 'routes', path: '/apps/gallery/routes', ready: ['cell', '/orders/create'] },
    { name: 'routes-empty', path: '/apps/bare/routes', ready: ['heading', 'No routes yet'] },
    { name: 'secrets', path: '/apps/gallery/secrets', ready: ['cell', 'stripe_key'] },
    { name: 'secrets-empty', path: '/apps/bare/secrets', ready: ['heading', 'No secrets yet'] },
    { name: 'settings', path: '/apps/gallery/settings', ready: ['button', 'Release museum'] },
    { name: 'domains', path: '/apps/gallery/settings/domains', ready: ['cell', 'gallery.example'] },
    { name: 'domains-empty', path: '/apps/bare/settings/domains', ready: ['heading', 'No hosts yet'] },
    { name: 'members', path: '/apps/gallery/settings/members', ready: ['cell', 'grace'] },
    { name: 'usage', path: '/apps/gallery/settings/usage', ready: ['heading', 'Documents'] },
    { name: 'app-audit', path: '/apps/gallery/settings/audit', ready: ['button', 'set-quota'] },
    { name: 'users', path: '/users', ready: ['link', 'linus'] },
    { name: 'user', path: `/users/${people.find((u) => u.username === 'linus').id}`, ready: ['heading', 'API keys'] },
    { name: 'audit', path: '/audit', ready: ['columnheader', 'Action'] },
    { name: 'backup', path: '/backup', ready: ['button', 'Save a backup'] },
    { name: 'account', path: '/account', ready: ['button', 'Set up'] },
    { name: 'sessions', path: '/account/sessions', ready: ['button', 'End all others'] },
    { name: 'keys', path: '/account/keys', ready: ['button', 'Rotate ci'] },
    { name: 'invite', path: '/invite#pcv_one', out: true, ready: ['button', 'Set password'] },
    { name: 'not-found', path: '/apps/none', ready: ['heading', 'Not found'], expected: [/404/] },
  ];
}

/** Returns the dialogs and what else opens over a screen: the screen's name, and what opens it. */
export const dialogs = [
  ['apps', press('New app')],
  ['apps', press('Import')],
  ['scripts', press('New script')],
  ['routes', press('New route')],
  ['data-kv', press('New entry')],
  ['data-docs', press(/^New( document)?$/)],
  ['data-file', press('Edit')],
  ['triggers', press('New trigger')],
  ['trigger', press('Edit')],
  ['trigger', press('Run by hand')],
  ['queues', press('Push a message')],
  ['topics', press('Open a topic')],
  ['topics', press('Publish')],
  ['secrets', press('Set a secret')],
  ['secrets', press('Delete stripe_key')], // a question
  ['domains', press('Claim a host')],
  ['members', press('Add a member')],
  ['users', press('Invite a user')],
  ['account', press('Set up')],
  ['keys', press('New key')],
  ['apps', (page) => page.keyboard.press('Control+k')],
  ['apps', (page) => page.keyboard.press('?')],
];

function press(name) {
  return (page) => page.getByRole('button', { name, exact: true }).first().click();
}

/** Has the cases of a script run, one of which fails, and shows the other. */
async function runCases(page) {
  await page.getByRole('button', { name: 'Run all' }).click();
  await page.getByText('1 of 2 answer as they should').waitFor();
  await page.getByRole('button', { name: /^an order of tea/ }).click();
}

/** Waits until a screen is there, and does what it is shown with. */
export async function ready(page, screen) {
  const [role, name] = screen.ready;
  await page.getByRole(role, { name, exact: true }).waitFor();
  await screen.act?.(page);
}
