/** What waits for somebody in an app, as it was counted last: it stays when a screen follows the other. */
export const counts = $state<{ app?: string; pending?: number; unresolved?: number }>({});
