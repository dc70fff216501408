import{p as t,a2 as r,aA as e,q as o}from"./index-D5caLzu-.js";import{u as s}from"./data.svelte-DlHzpYN2.js";function u(p,a){t(a,!1),r(s().href("kv"),{replace:!0}),e(),o()}export{u as default};
