function r(e,t){return setTimeout(t,e)}export{r as a};
