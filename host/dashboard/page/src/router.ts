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
      '/data': {
        layout: () => import('./screens/data/Data.svelte'),
        '/': () => import('./screens/data/Start.svelte'),
        '/kv': {
          '/': () => import('./screens/data/NoCollection.svelte'),
          '/:collection': () => import('./screens/data/kv/Entries.svelte'),
          '/:collection/:key': () => import('./screens/data/kv/Entry.svelte'),
        },
        '/docs': {
          '/': () => import('./screens/data/NoCollection.svelte'),
          '/:collection': () => import('./screens/data/docs/Documents.svelte'),
          '/:collection/:id': () => import('./screens/data/docs/Document.svelte'),
        },
        '/files': {
          '/': () => import('./screens/data/NoCollection.svelte'),
          '/:collection': () => import('./screens/data/files/Files.svelte'),
          '/:collection/:id': () => import('./screens/data/files/File.svelte'),
        },
      },
      '/secrets': () => import('./screens/secrets/Secrets.svelte'),
    },
  },
  '*rest': NotFound,
});
