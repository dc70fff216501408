const s=[["Login","/account"],["Sessions","/account/sessions"],["API keys","/account/keys"]];export{s as a};
