import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, keepBack, launch, login, open, until, violations } from './browser.js';

let browser, token;
before(async () => {
  browser = await launch();
  token = await login();
});
after(() => browser.close());

const good = 'log::info("handled"); #{}';
const bad = 'throw "the mail server does not answer";';
const once = { max_attempts: 1 };

/** Makes an app with a script that handles events. */
async function make(app, source = good) {
  await api('POST', 'apps', { token, body: { slug: app } });
  return api('POST', `apps/${app}/scripts`, { token, body: { name: 'handle', source } });
}

test('a schedule is made with the mouse, is run by hand, pauses, changes and goes', async (t) => {
  await make('timely');
  const page = await open(t, browser, { token, path: '/apps/timely/events', expected: [/422/, /404/] });
  await page.getByRole('heading', { name: 'No triggers yet' }).waitFor();
  await page.getByRole('button', { name: 'New trigger' }).first().click();
  await page.getByRole('button', { name: /^Schedule/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Schedule', { exact: true }).fill('0 3 30 2 *');
  await dialog.getByText('never fires', { exact: false }).waitFor(); // in the words of the API
  await dialog.getByRole('button', { name: 'Every night at 3' }).click();
  await dialog.getByText('It fires at 03:00, UTC.').waitFor();
  await dialog.getByLabel('Time zone').fill('Europe/Zurich');
  await dialog.getByText('Europe/Zurich.').waitFor();
  assert.equal(await dialog.getByRole('list', { name: 'The next five times' }).getByRole('listitem').count(), 5);
  await dialog.getByRole('img', { name: /03:00 to 03:15$/ }).waitFor();
  await dialog.getByLabel('Script').selectOption('handle');
  await dialog.getByText('Retries and concurrency').click();
  await dialog.getByLabel('Attempts').fill('3');
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole('button', { name: 'Create trigger' }).click();
  await page.getByRole('heading', { level: 1, name: 'handle-cron' }).waitFor();
  const id = page.url().split('/').at(-1);
  const made = await api('GET', `triggers/${id}`, { token });
  assert.deepEqual([made.schedule, made.timezone, made.retry.max_attempts, made.retry.backoff], ['0 3 * * *', 'Europe/Zurich', 3, 'exponential']);

  await page.getByRole('button', { name: 'Run by hand' }).click();
  await page.getByRole('button', { name: 'Run now' }).click();
  await dialog.getByText('Delivered').waitFor();
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Its events are made, and wait.').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Its events are made and delivered.').waitFor();

  await page.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByLabel('Schedule', { exact: true }).fill('@hourly');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.locator('code', { hasText: '@hourly' }).waitFor();

  // What somebody else changed meanwhile stays, and a number is not silently kept that was taken away.
  await page.getByRole('button', { name: 'Edit' }).click();
  await api('PATCH', `triggers/${id}`, { token, body: { concurrency: 3 } });
  await dialog.getByLabel('Schedule', { exact: true }).fill('@daily');
  await dialog.getByText('Retries and concurrency').click();
  await dialog.getByLabel('Attempts').fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  assert.ok(await dialog.getByLabel('Attempts').evaluate((field) => field.matches(':invalid')));
  await dialog.getByLabel('Attempts').fill('4');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.locator('code', { hasText: '@daily' }).waitFor();
  const changed = await api('GET', `triggers/${id}`, { token });
  assert.deepEqual([changed.concurrency, changed.retry.max_attempts, changed.retry.base_ms], [3, 4, made.retry.base_ms]);
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('alertdialog').getByText('None of its events is pending.', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Delete trigger' }).click();
  await page.getByRole('heading', { name: 'No triggers yet' }).waitFor();
});

test('a message is pushed and handled with the keyboard alone', async (t) => {
  await make('pushy');
  const page = await open(t, browser, { token, path: '/apps/pushy/events/queues', expected: [/404/] });
  await page.getByRole('heading', { name: 'No queues yet' }).waitFor();
  const press = async (role, name, within = page) => {
    await within.getByRole(role, { name, exact: true }).first().focus();
    await page.keyboard.press('Enter');
  };
  await press('button', 'Push a message');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Topic').focus();
  await page.keyboard.type('mails');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'mails' }).waitFor();
  await page.getByRole('cell', { name: /ada@example.org/ }).waitFor();
  await press('button', 'Make one');
  assert.equal(await dialog.getByLabel('Topic').inputValue(), 'mails');
  await dialog.getByLabel('Script').getByRole('option', { name: 'handle', exact: true }).waitFor({ state: 'attached' });
  await dialog.getByLabel('Script').focus();
  await page.keyboard.type('handle');
  await press('button', 'Create trigger', dialog);
  await page.getByRole('heading', { level: 1, name: 'handle-queue' }).waitFor();
  await until(async () => (await api('GET', 'apps/pushy/queues', { token })).items[0].waiting === 0);
});

test('a queue is purged, with the number of its messages', async (t) => {
  await make('deep');
  for (let i = 0; i < 3; i++) await api('POST', 'apps/deep/queues/reports/messages', { token, body: { message: i } });
  const page = await open(t, browser, { token, path: '/apps/deep/events/queues' });
  await page.getByRole('row', { name: /reports 3/ }).waitFor();
  await page.getByRole('button', { name: 'Purge reports' }).click();
  await page.getByRole('button', { name: 'Delete 3 messages' }).click();
  await page.getByText('3 messages are deleted').waitFor();
  await page.getByRole('heading', { name: 'No queues yet' }).waitFor();
});

test('what is pending is shown as it is, delivered at once, and deleted', async (t) => {
  const script = await make('patience', bad);
  const trigger = await api('POST', 'apps/patience/triggers/kv', { token, body: { script: script.id, collection: 'carts', retry: { base_ms: 3_600_000 } } });
  const page = await open(t, browser, { token, path: '/apps/patience/events/pending', expected: [/404/] });
  await page.getByRole('heading', { name: 'Nothing is pending' }).waitFor();
  await page.getByRole('button', { name: 'Pause all' }).click();
  await page.getByText('All events of the app wait until', { exact: false }).waitFor();
  await api('PUT', 'apps/patience/kv/carts/ada', { token, body: { value: { items: 2 } } });
  await page.getByRole('row', { name: /Waiting/ }).waitFor(); // by itself
  await page.getByRole('button', { name: 'Deliver again' }).click();
  await page.getByRole('row', { name: /Retrying/ }).waitFor();
  await page.getByLabel('State').selectOption('running');
  await page.getByRole('heading', { name: 'No such event is pending' }).waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();

  await page.getByRole('row', { name: /Retrying/ }).getByRole('link').first().click();
  await page.getByRole('listitem').filter({ hasText: 'Attempt 2 is due' }).waitFor();
  await page.getByText('“ada”').waitFor();
  await api('PUT', `scripts/${script.id}`, { token, body: { source: good } });
  await page.getByRole('button', { name: 'Deliver now' }).click();
  await page.getByText('It is not pending any more', { exact: false }).waitFor();

  await api('PATCH', `triggers/${trigger.id}`, { token, body: { retry: { max_attempts: 2 } } });
  await api('POST', `triggers/${trigger.id}:pause`, { token });
  await api('POST', `triggers/${trigger.id}:fire`, { token, body: {} });
  await page.getByRole('link', { name: 'Pending', exact: true }).click();
  await page.getByRole('button', { name: /^Delete the event/ }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete event' }).click();
  await page.getByRole('heading', { name: 'Nothing is pending' }).waitFor();
});

test('a dead letter shows why, is replayed when the script is mended; others go by filter, with their number', async (t) => {
  const script = await make('mournful', bad);
  const two = { ...once, max_attempts: 2, base_ms: 100, jitter: 0 };
  const mails = await api('POST', 'apps/mournful/triggers/queue', { token, body: { script: script.id, topic: 'mails', name: 'mailer', retry: two } });
  const other = await api('POST', 'apps/mournful/triggers/pubsub', { token, body: { script: script.id, topic: '*', name: 'listener', retry: once } });
  await api('POST', 'apps/mournful/queues/mails/messages', { token, body: { message: { to: 'ada@example.org' } } });
  for (let i = 0; i < 4; i++) await api('POST', `triggers/${other.id}:fire`, { token, body: { data: i } });
  await until(async () => (await api('GET', 'apps/mournful/dead-letters', { token })).unresolved === 5);

  const page = await open(t, browser, { token, path: '/apps/mournful/events/dead-letters', expected: [/404/] });
  await page.getByRole('link', { name: 'mailer' }).click();
  await page.getByLabel('Error').getByText('the mail server does not answer', { exact: false }).waitFor();
  await page.getByText('“ada@example.org”').waitFor();
  const line = page.getByRole('list', { name: 'What happened to the event' });
  await line.getByText('Attempt 1, ').waitFor();
  await line.getByText('Attempt 2, ').waitFor();
  await api('PUT', `scripts/${script.id}`, { token, body: { source: good } });
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('Delivered').waitFor();
  await line.getByRole('link', { name: 'Replayed' }).click();
  await page.getByText('It is not pending any more: it was delivered, or deleted.', { exact: false }).waitFor();
  await page.goBack();
  await line.getByText('Replayed').waitFor();

  // With the keyboard: those of a trigger, one of them ignored, one deleted and back, the others replayed.
  await page.getByRole('link', { name: 'Dead letters' }).first().focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Trigger').getByRole('option', { name: 'listener', exact: true }).waitFor({ state: 'attached' });
  await page.getByLabel('Trigger').focus();
  await page.keyboard.type('listener');
  await page.waitForURL(new RegExp(`trigger=${other.id}`)); // what is selected before is not among those that are listed then
  await page.getByRole('checkbox', { name: /^Select listener/ }).first().focus();
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Ignore 1' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('1 dead letter ignored').waitFor();
  await page.getByRole('link', { name: 'listener' }).nth(3).waitFor({ state: 'detached' });
  assert.equal((await api('GET', 'apps/mournful/dead-letters', { token })).unresolved, 3);

  await page.getByRole('link', { name: 'listener' }).first().click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
  await page.getByRole('table', { name: 'Dead letters' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'listener' }).count(), 2); // that which is deleted is not among them
  await page.keyboard.press('u'); // which undoes
  await page.getByRole('link', { name: 'listener' }).nth(2).waitFor();
  assert.equal((await api('GET', 'apps/mournful/dead-letters', { token })).unresolved, 3);

  await page.goto(new URL(`/apps/mournful/events/dead-letters?trigger=${other.id}`, page.url()).href);
  await page.getByRole('button', { name: 'Replay these' }).click();
  await page.getByRole('alertdialog').getByText('of the trigger listener', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Replay 3' }).click();
  await page.getByText('3 dead letters replayed').waitFor();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.getByRole('cell', { name: 'Ignored' }).waitFor();
  await page.getByRole('button', { name: 'Delete these' }).click();
  await page.getByRole('button', { name: 'Delete 4' }).click();
  await page.getByText('4 dead letters deleted').waitFor();
  const { items } = await api('GET', 'apps/mournful/dead-letters', { token });
  assert.deepEqual(items.map((d) => d.trigger_id), [mails.id]); // that of the other trigger stays
});

test('what is asked about dead letters is not done to others', async (t) => {
  const script = await make('asked', bad);
  for (const name of ['one', 'two']) {
    const trigger = await api('POST', 'apps/asked/triggers/pubsub', { token, body: { script: script.id, topic: name, name, retry: once } });
    await api('POST', `triggers/${trigger.id}:fire`, { token, body: { data: 1 } });
  }
  await until(async () => (await api('GET', 'apps/asked/dead-letters', { token })).unresolved === 2);
  const page = await open(t, browser, { token, path: '/apps/asked/events/dead-letters' });
  await page.getByLabel('Trigger').selectOption('one');
  await page.getByRole('link', { name: 'two' }).waitFor({ state: 'detached' });
  // They are counted slowly, and meanwhile all are shown.
  const counted = await keepBack(page, '**/dead-letters?*limit=1000*');
  await page.getByRole('button', { name: 'Delete these' }).click();
  await counted.asked();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByRole('link', { name: 'two' }).waitFor();
  await counted.answer();
  await page.getByRole('alertdialog').getByText('of the trigger one', { exact: false }).waitFor();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete 1' }).click();
  await page.getByText('1 dead letter deleted').waitFor();
  const { items } = await api('GET', 'apps/asked/dead-letters', { token });
  assert.deepEqual(items.map((letter) => letter.trigger_name), ['two']);
});

test('a live list does not move under the pointer', async (t) => {
  await make('still');
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await api('POST', 'apps/still/queues/mails/messages', { token, body: { message: `mail ${i}` } })).event_id);
  const page = await open(t, browser, { token, path: '/apps/still/events/queues/mails' });
  const row = (text) => page.getByRole('row').filter({ hasText: text });
  await row('mail 2').waitFor();
  await row('mail 1').hover();
  const before = await row('mail 1').boundingBox();
  await api('DELETE', `events/${ids[0]}`, { token });
  await api('POST', 'apps/still/queues/mails/messages', { token, body: { message: 'mail 3' } });
  await row('mail 3').waitFor();
  assert.match(await row('mail 0').getAttribute('class'), /gone/);
  assert.deepEqual(await row('mail 1').boundingBox(), before);
  await page.getByRole('heading', { level: 1 }).hover();
  await row('mail 0').waitFor({ state: 'detached' });
});

test('a topic is opened to outside, has an address and a token, and is closed', async (t) => {
  await make('loud');
  const page = await open(t, browser, { token, path: '/apps/loud/events/topics' });
  await page.getByRole('button', { name: 'Open a topic' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Topic').fill('prices');
  await dialog.getByRole('button', { name: 'Open topic' }).click();
  await page.getByRole('button', { name: 'Subscribe to prices', exact: true }).click();
  await dialog.getByText('/realtime/topics/prices?app=loud', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  await dialog.getByText('It is in the code above', { exact: false }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape'); // by which nothing is closed that nobody sees again
  await dialog.getByText('It is in the code above', { exact: false }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).first().click();

  // A token that comes late is not shown for another topic.
  await api('PUT', 'apps/loud/topics/orders', { token, body: { access: 'token' } });
  await page.reload();
  const made = await keepBack(page, '**/topics/prices:token');
  await page.getByRole('button', { name: 'Subscribe to prices', exact: true }).click();
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  await made.asked();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Subscribe to orders', exact: true }).click();
  const answered = page.waitForResponse('**/topics/prices:token');
  await made.answer();
  await answered;
  await dialog.getByRole('button', { name: 'Make a token' }).and(page.locator(':enabled')).waitFor();
  await dialog.getByText('token=…').waitFor();
  assert.equal(await dialog.getByText('It is in the code above', { exact: false }).count(), 0);
  await page.keyboard.press('Escape');
  await api('DELETE', 'apps/loud/topics/orders', { token });
  await page.reload();
  await page.getByRole('button', { name: 'Make prices internal' }).click();
  await page.getByRole('button', { name: 'Make internal', exact: true }).click();
  await page.getByRole('heading', { name: 'No topic is open to outside' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('cell', { name: 'prices', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Make prices internal' }).click();
  await page.getByRole('button', { name: 'Make internal', exact: true }).click();
  await page.getByRole('heading', { name: 'No topic is open to outside' }).waitFor();
  await page.goto('about:blank'); // which does what can no longer be undone
  await until(async () => !(await api('GET', 'apps/loud/topics', { token })).items.length);
});

test('a message is published, and handled by who listens', async (t) => {
  const script = await make('town', 'kv::collection("heard").set(ctx.event.pubsub.topic, ctx.event.pubsub.message); ()');
  await api('POST', 'apps/town/triggers/pubsub', { token, body: { name: 'crier', script: script.id, topic: 'news.*' } });
  const page = await open(t, browser, { token, path: '/apps/town/events/topics' });
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Topic').fill('news.today');
  await dialog.getByRole('textbox', { name: 'Message' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('{"text": ');
  await dialog.getByText('The message must be JSON').waitFor();
  await page.keyboard.insertText('"fair weather"}');
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText('Published to news.today, for 1 trigger').waitFor();
  const heard = await until(() => api('GET', 'apps/town/kv/heard/news.today', { token }).catch(() => undefined));
  assert.deepEqual(heard.value, { text: 'fair weather' });
  await page.getByRole('link', { name: 'Triggers', exact: true }).click();
  await page.getByRole('row').filter({ hasText: 'crier' }).getByRole('link', { name: 'handle' }).click(); // which is not the row's
  await page.getByRole('heading', { level: 1, name: 'handle' }).waitFor();
});

test('who may look and no more has no buttons that change anything', async (t) => {
  await make('shy', bad);
  await api('POST', 'apps/shy/queues/mails/messages', { token, body: { message: 1 } });
  const vera = { username: 'vera', password: 'a long password of vera' };
  const user = await api('POST', 'users', { token, body: { ...vera, role: 'member' } });
  await api('PUT', `apps/shy/members/${user.id}`, { token, body: { role: 'viewer' } });
  const hers = (await api('POST', 'auth/login', { body: vera })).token;
  const page = await open(t, browser, { token: hers, path: '/apps/shy/events/triggers' });
  await page.getByRole('heading', { name: 'No triggers yet' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'New trigger' }).count(), 0);
  await page.getByRole('link', { name: 'Queues' }).click();
  await page.getByRole('link', { name: 'mails' }).click();
  await page.getByRole('table', { name: 'Messages of mails' }).waitFor();
  for (const name of ['Purge', 'Push a message', 'Make one']) assert.equal(await page.getByRole('button', { name }).count(), 0, name);
});

test('a message has nothing of the one that was pushed before', async (t) => {
  await api('POST', 'apps', { token, body: { slug: 'pushing' } });
  const page = await open(t, browser, { token, path: '/apps/pushing/events/queues/one' });
  const push = async (key) => {
    await page.getByRole('button', { name: 'Push a message' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Key, delay, repetition').click();
    if (key) for (const name of ['Key', 'Dedupe']) await dialog.getByLabel(name, { exact: true }).fill(key);
    else for (const name of ['Key', 'Dedupe']) assert.equal(await dialog.getByLabel(name, { exact: true }).inputValue(), '');
    await dialog.getByRole('button', { name: 'Push message' }).click();
    await dialog.waitFor({ state: 'detached' });
  };
  await push('order-1');
  await push();
  assert.equal((await api('GET', 'apps/pushing/queues/one/messages', { token })).items.length, 2);
});
