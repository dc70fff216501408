// Every screen, for the tests of all of them and for their pictures: its name, its address, and what shows that it is
// there. A new screen is a line here.
import { api } from './browser.js';

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
  }
  await runs(token);
  for (const name of ['mail_password', 'stripe_key']) await api('PUT', `apps/gallery/secrets/${name}`, { token, body: { value: 'a value' } });
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
  const script = items.find((s) => s.name === 'orders/create');
  const failed = (await api('GET', 'apps/gallery/executions?outcome=failed&script=orders/total', { token })).items[0];
  return [
    { name: 'login', path: '/', out: true, ready: ['button', 'Log in'] },
    { name: 'apps', path: '/apps', ready: ['link', 'Gallery'] },
    { name: 'overview', path: '/apps/gallery', ready: ['heading', 'What caused them'] },
    { name: 'overview-empty', path: '/apps/bare', ready: ['heading', 'Nothing ran in this time'] },
    { name: 'executions', path: '/apps/gallery/executions', ready: ['button', 'Live'] },
    { name: 'executions-filtered', path: '/apps/gallery/executions?outcome=failed&min_ms=0&range=1h&text=nowhere', ready: ['button', 'Clear'] },
    { name: 'executions-empty', path: '/apps/bare/executions', ready: ['heading', 'Nothing has run yet'] },
    { name: 'execution', path: `/apps/gallery/executions/${failed.id}`, ready: ['heading', 'Host calls'] },
    { name: 'health', path: '/health', ready: ['heading', 'Still to be done'] },
    { name: 'scripts', path: '/apps/gallery/scripts', ready: ['link', 'orders/create'] },
    { name: 'scripts-empty', path: '/apps/bare/scripts', ready: ['heading', 'No scripts yet'] },
    { name: 'script', path: `/apps/gallery/scripts/${script.id}`, ready: ['textbox', 'Source of orders/create'] },
    { name: 'secrets', path: '/apps/gallery/secrets', ready: ['cell', 'stripe_key'] },
    { name: 'not-found', path: '/apps/none', ready: ['heading', 'Not found'], expected: [/404/] },
  ];
}

/** Waits until a screen is there. */
export async function ready(page, screen) {
  const [role, name] = screen.ready;
  await page.getByRole(role, { name, exact: true }).waitFor();
}
