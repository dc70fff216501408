// Every screen, for the tests of all of them and for their pictures: its name, its address, and what shows that it is
// there. A new screen is a line here.
import { api, login } from './browser.js';

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
}

/** Returns the screens. `ready` is the name of an element's role and its name. */
export async function screens(token) {
  const { items } = await api('GET', 'apps/gallery/scripts', { token });
  const script = items.find((s) => s.name === 'orders/create');
  const people = (await api('GET', 'users', { token })).items;
  return [
    { name: 'login', path: '/', out: true, ready: ['button', 'Log in'] },
    { name: 'apps', path: '/apps', ready: ['link', 'Gallery'] },
    { name: 'overview', path: '/apps/gallery', ready: ['heading', 'Documents'] },
    { name: 'scripts', path: '/apps/gallery/scripts', ready: ['link', 'orders/create'] },
    { name: 'scripts-empty', path: '/apps/bare/scripts', ready: ['heading', 'No scripts yet'] },
    { name: 'script', path: `/apps/gallery/scripts/${script.id}`, ready: ['textbox', 'Source of orders/create'] },
    { name: 'secrets', path: '/apps/gallery/secrets', ready: ['cell', 'stripe_key'] },
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

/** Waits until a screen is there. */
export async function ready(page, screen) {
  const [role, name] = screen.ready;
  await page.getByRole(role, { name, exact: true }).waitFor();
}
