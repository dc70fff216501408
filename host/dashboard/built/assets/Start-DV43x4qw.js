import{p as r,a6 as t,aL as e,r as o}from"./index-D-Mx4pt2.js";import{u as s}from"./data.svelte-BXf8ALtt.js";function u(p,a){r(a,!1),t(s().href("kv"),{replace:!0}),e(),o()}export{u as default};
