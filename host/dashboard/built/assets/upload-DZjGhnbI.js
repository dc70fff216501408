async function e(a){return{body:await a.arrayBuffer(),bodySerializer:n=>n,headers:{"Content-Type":"application/wasm"}}}export{e as u};
