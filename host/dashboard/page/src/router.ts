import { createRouter } from 'sv-router';

import AppFrame from './shell/AppFrame.svelte';
import { lazy } from './shell/lazy';
import NotFound from './screens/NotFound.svelte';
import Apps from './screens/apps/Apps.svelte';

// Every screen and its address. Screens are loaded when they are opened, but for the first.
export const { navigate, isActive, route } = createRouter({
  '/': Apps,
  '/apps': {
    '/': Apps,
    '/:app': {
      layout: AppFrame,
      '/': lazy(() => import('./screens/overview/Overview.svelte')),
      '/scripts': {
        '/': lazy(() => import('./screens/scripts/Scripts.svelte')),
        '/:script': lazy(() => import('./screens/scripts/Script.svelte')),
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
});
