import { mount } from 'svelte';

import App from './App.svelte';
import './shell/theme.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/parts.css';

mount(App, { target: document.getElementById('page')! });
