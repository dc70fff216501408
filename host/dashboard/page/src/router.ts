import { createRouter } from 'sv-router';

import AppFrame from './shell/AppFrame.svelte';
import NotFound from './screens/NotFound.svelte';
import Apps from './screens/apps/Apps.svelte';

// Every screen and its address. Screens are loaded when they are opened, but for the first.
export const { navigate, isActive, route } = createRouter({
  '/': Apps,
  '/apps': {
    '/': Apps,
    '/:app': {
      layout: AppFrame,
      '/': () => import('./screens/overview/Overview.svelte'),
      '/scripts': {
        '/': () => import('./screens/scripts/Scripts.svelte'),
        '/:script': () => import('./screens/scripts/Script.svelte'),
      },
      '/secrets': () => import('./screens/secrets/Secrets.svelte'),
    },
  },
  '*rest': NotFound,
});
