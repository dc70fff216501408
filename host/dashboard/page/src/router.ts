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
      '/executions': {
        '/': lazy(() => import('./screens/executions/Executions.svelte')),
        '/:execution': lazy(() => import('./screens/executions/Execution.svelte')),
      },
      '/secrets': lazy(() => import('./screens/secrets/Secrets.svelte')),
    },
  },
  '/health': lazy(() => import('./screens/health/Health.svelte')),
  '*rest': NotFound,
});
