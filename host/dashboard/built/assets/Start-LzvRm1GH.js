import{p as r,a6 as t,aL as e,r as o}from"./index-DRmlY8_f.js";import{u as s}from"./data.svelte-BQuh59y1.js";function u(p,a){r(a,!1),t(s().href("kv"),{replace:!0}),e(),o()}export{u as default};
