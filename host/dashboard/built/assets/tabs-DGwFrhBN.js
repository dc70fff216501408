const s=[["Password and second factor","/account"],["Sessions","/account/sessions"],["API keys","/account/keys"]];export{s as a};
