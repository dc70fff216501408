import type { AppContext } from '$/shell/app.svelte';

/** The screens of an app's settings that one may see. */
export function settingsOf(context: AppContext): [title: string, href: string][] {
  const at = `${context.path}/settings`;
  return [
    ['General', at],
    ...(context.may('route.read') ? [['Domains', `${at}/domains`] as [string, string]] : []),
    ...(context.may('members.read') ? [['Members', `${at}/members`] as [string, string]] : []),
    ['Usage', `${at}/usage`],
    ...(context.may('audit.read') ? [['Audit', `${at}/audit`] as [string, string]] : []),
  ];
}
