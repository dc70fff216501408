/** A short message at the edge of the screen. */
export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  /** What takes back what was done. */
  undo?: () => void;
}

export const toasts = $state<Toast[]>([]);
let last = 0;

/** Says that something was done. It goes by itself, later when it can be undone. */
export function say(text: string, undo?: () => void) {
  show({ text, bad: false, undo }, undo ? 10_000 : 4_000);
}

/** Says that something went wrong where no form shows it. */
export function complain(text: string) {
  show({ text, bad: true }, 12_000);
}

export function dismiss(id: number) {
  const i = toasts.findIndex((t) => t.id === id);
  if (i >= 0) toasts.splice(i, 1);
}

function show(toast: Omit<Toast, 'id'>, ms: number) {
  const id = ++last;
  toasts.push({ ...toast, id });
  setTimeout(() => dismiss(id), ms);
}
