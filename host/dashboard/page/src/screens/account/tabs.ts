/** The screens about oneself. */
export const account: [title: string, href: string][] = [
  ['Password and second factor', '/account'],
  ['Sessions', '/account/sessions'],
  ['API keys', '/account/keys'],
];
