import { mount } from 'svelte';

import App from './App.svelte';
import './shell/theme.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/parts.css';

// The router takes every click on a link, also one that asks the browser for a tab or a window of its own.
addEventListener(
  'click',
  (event) => {
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (elsewhere && event.target instanceof Element && event.target.closest('a[href]')) event.stopPropagation();
  },
  { capture: true },
);

// An address that is none is shown as one that leads nowhere; the router would show nothing.
try {
  decodeURIComponent(location.pathname);
} catch {
  history.replaceState(null, '', '/not-found');
}

mount(App, { target: document.getElementById('page')! });
