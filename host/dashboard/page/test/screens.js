// Every screen, for the tests of all of them and for their pictures: its name, its address, and what shows that it is
// there. A new screen is a line here.
import { api, upload } from './browser.js';

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
  await upload('apps/gallery/scripts?name=images/avatar', { token, file: 'plugin-c/avatar.wasm' });
  for (const name of ['mail_password', 'stripe_key']) await api('PUT', `apps/gallery/secrets/${name}`, { token, body: { value: 'a value' } });
}

/** Returns the screens. `ready` is the name of an element's role and its name. */
export async function screens(token) {
  const { items } = await api('GET', 'apps/gallery/scripts', { token });
  const [script, plugin] = ['orders/create', 'images/avatar'].map((name) => items.find((s) => s.name === name));
  return [
    { name: 'login', path: '/', out: true, ready: ['button', 'Log in'] },
    { name: 'apps', path: '/apps', ready: ['link', 'Gallery'] },
    { name: 'overview', path: '/apps/gallery', ready: ['heading', 'Documents'] },
    { name: 'scripts', path: '/apps/gallery/scripts', ready: ['link', 'orders/create'] },
    { name: 'scripts-empty', path: '/apps/bare/scripts', ready: ['heading', 'No scripts yet'] },
    { name: 'script', path: `/apps/gallery/scripts/${script.id}`, ready: ['textbox', 'Source of orders/create'] },
    { name: 'script-routes', path: `/apps/gallery/scripts/${script.id}/routes`, ready: ['cell', '/orders/create'] },
    { name: 'script-versions', path: `/apps/gallery/scripts/${script.id}/versions?version=1`, ready: ['textbox', 'From version 1 to version 2'] },
    { name: 'script-executions', path: `/apps/gallery/scripts/${script.id}/executions`, ready: ['cell', 'ok'] },
    { name: 'script-settings', path: `/apps/gallery/scripts/${script.id}/settings`, ready: ['spinbutton', 'Timeout'] },
    { name: 'script-plugin', path: `/apps/gallery/scripts/${plugin.id}`, ready: ['heading', 'Exports 2'] },
    { name: 'routes', path: '/apps/gallery/routes', ready: ['cell', '/orders/create'] },
    { name: 'routes-empty', path: '/apps/bare/routes', ready: ['heading', 'No routes yet'] },
    { name: 'secrets', path: '/apps/gallery/secrets', ready: ['cell', 'stripe_key'] },
    { name: 'not-found', path: '/apps/none', ready: ['heading', 'Not found'], expected: [/404/] },
  ];
}

/** Waits until a screen is there. */
export async function ready(page, screen) {
  const [role, name] = screen.ready;
  await page.getByRole(role, { name, exact: true }).waitFor();
}
