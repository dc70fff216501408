import { blockNavigation, createRouter } from 'sv-router';

import AppFrame from './shell/AppFrame.svelte';
import { begin, lazy, lazyLayout } from './shell/lazy';
import NotFound from './screens/NotFound.svelte';

const Apps = lazy(() => import('./screens/apps/Apps.svelte'));

// Every screen and its address. Screens are loaded when they are opened.
const routes = {
  '/': Apps,
  '/apps': {
    '/': Apps,
    '/:app': {
      layout: AppFrame,
      '/': lazy(() => import('./screens/overview/Overview.svelte')),
      '/scripts': {
        '/': lazy(() => import('./screens/scripts/Scripts.svelte')),
        '/:script': {
          '/': lazy(() => import('./screens/scripts/Script.svelte')),
          '/routes': lazy(() => import('./screens/scripts/ScriptRoutes.svelte')),
          '/versions': lazy(() => import('./screens/scripts/Versions.svelte')),
          '/executions': lazy(() => import('./screens/scripts/LastExecutions.svelte')),
          '/settings': lazy(() => import('./screens/scripts/Settings.svelte')),
        },
      },
      '/data': {
        layout: lazyLayout(() => import('./screens/data/Data.svelte')),
        '/': lazy(() => import('./screens/data/Start.svelte')),
        '/kv': {
          '/': lazy(() => import('./screens/data/NoCollection.svelte')),
          '/:collection': lazy(() => import('./screens/data/kv/Entries.svelte')),
          '/:collection/:key': lazy(() => import('./screens/data/kv/Entry.svelte')),
        },
        '/docs': {
          '/': lazy(() => import('./screens/data/NoCollection.svelte')),
          '/:collection': lazy(() => import('./screens/data/docs/Documents.svelte')),
          '/:collection/:id': lazy(() => import('./screens/data/docs/Document.svelte')),
        },
        '/files': {
          '/': lazy(() => import('./screens/data/NoCollection.svelte')),
          '/:collection': lazy(() => import('./screens/data/files/Files.svelte')),
          '/:collection/:id': lazy(() => import('./screens/data/files/File.svelte')),
        },
      },
      '/events': {
        '/': lazy(() => import('./screens/events/Start.svelte')),
        '/triggers': {
          '/': lazy(() => import('./screens/events/triggers/Triggers.svelte')),
          '/:trigger': lazy(() => import('./screens/events/triggers/Trigger.svelte')),
        },
        '/pending': {
          '/': lazy(() => import('./screens/events/pending/Pending.svelte')),
          '/:event': lazy(() => import('./screens/events/pending/Event.svelte')),
        },
        '/queues': {
          '/': lazy(() => import('./screens/events/queues/Queues.svelte')),
          '/:topic': lazy(() => import('./screens/events/queues/Queue.svelte')),
        },
        '/topics': lazy(() => import('./screens/events/topics/Topics.svelte')),
        '/dead-letters': {
          '/': lazy(() => import('./screens/events/dead/DeadLetters.svelte')),
          '/:letter': lazy(() => import('./screens/events/dead/DeadLetter.svelte')),
        },
      },
      '/routes': lazy(() => import('./screens/routes/Routes.svelte')),
      '/executions': {
        '/': lazy(() => import('./screens/executions/Executions.svelte')),
        '/:execution': lazy(() => import('./screens/executions/Execution.svelte')),
      },
      '/secrets': lazy(() => import('./screens/secrets/Secrets.svelte')),
      '/settings': {
        '/': lazy(() => import('./screens/settings/Settings.svelte')),
        '/domains': lazy(() => import('./screens/settings/Domains.svelte')),
        '/members': lazy(() => import('./screens/settings/Members.svelte')),
        '/usage': lazy(() => import('./screens/settings/Usage.svelte')),
        '/audit': lazy(() => import('./screens/settings/AppAudit.svelte')),
      },
    },
  },
  '/failures': lazy(() => import('./screens/executions/Failures.svelte')),
  '/health': lazy(() => import('./screens/health/Health.svelte')),
  '/users': {
    '/': lazy(() => import('./screens/users/Users.svelte')),
    '/:user': lazy(() => import('./screens/users/User.svelte')),
  },
  '/audit': lazy(() => import('./screens/audit/Audit.svelte')),
  '/backup': lazy(() => import('./screens/backup/Backup.svelte')),
  '/account': {
    '/': lazy(() => import('./screens/account/Account.svelte')),
    '/sessions': lazy(() => import('./screens/account/Sessions.svelte')),
    '/keys': lazy(() => import('./screens/account/Keys.svelte')),
  },
  '*rest': NotFound,
};

export const { navigate, isActive, route } = createRouter(routes);

/** Returns what is shown for the parts of an address, the outermost first; undefined: no screen has it. */
function shownAt(parts: string[], table: object): object[] | undefined {
  for (const [key, value] of Object.entries(table)) {
    if (!key.startsWith('/')) continue;
    const names = key.split('/').filter(Boolean);
    if (names.length > parts.length || !names.every((name, i) => name.startsWith(':') || name === parts[i])) continue;
    const rest = parts.slice(names.length);
    const found = typeof value !== 'function' ? shownAt(rest, value) : rest.length ? undefined : [value];
    if (found) return 'layout' in table ? [table.layout as object, ...found] : found;
  }
  return undefined;
}

/** Begins to load the screen at an address, while who works here is still asked for. */
export function beginAt(path: string) {
  for (const screen of shownAt(path.split('/').filter(Boolean), routes) ?? []) begin(screen);
}

// The router counts the steps of Back and Forward only while something may block them. It must know all of them, or a step that
// is refused later would end at another screen.
blockNavigation(() => true);
