import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// PICLOUD_DASHBOARD names a server to develop against: `npm run dev` passes the API on to it.
const server = process.env.PICLOUD_DASHBOARD ?? 'http://127.0.0.1:8081';

// Parts of bits-ui have a style as an attribute, which the policy does not allow: it becomes a class.
const styleless = {
  name: 'styleless',
  enforce: 'pre',
  transform(code, id) {
    if (id.includes('/bits-ui/') && id.endsWith('.svelte')) return code.replaceAll('style="display: contents;"', 'class="contents"');
  },
};

export default defineConfig({
  plugins: [styleless, svelte()],
  resolve: { alias: { $: fileURLToPath(new URL('src', import.meta.url)) } },
  build: {
    outDir: process.env.PICLOUD_BUILT ?? '../built',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // nothing inline: the policy would have to allow it
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { '/api': { target: server, changeOrigin: true, headers: { origin: server } } },
  },
});
