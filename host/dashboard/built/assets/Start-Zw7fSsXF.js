import{p as t,a2 as r,aA as e,q as o}from"./index-CFOuhryh.js";import{u as s}from"./data.svelte-V70pskak.js";function u(p,a){t(a,!1),r(s().href("kv"),{replace:!0}),e(),o()}export{u as default};
