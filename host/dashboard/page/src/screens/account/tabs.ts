/** The screens about oneself. */
export const account: [title: string, href: string][] = [
  ['Login', '/account'],
  ['Sessions', '/account/sessions'],
  ['API keys', '/account/keys'],
];
