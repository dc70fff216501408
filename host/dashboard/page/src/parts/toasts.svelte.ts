/** A short message at the edge of the screen. */
export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  /** What takes back what was done. */
  undo?: () => void;
  /** Called when it goes and nothing was taken back. */
  over?: () => void;
}

export const toasts = $state<Toast[]>([]);

interface Clock {
  /** Milliseconds that are left, from when it was started last. */
  left: number;
  since: number;
  /** When it goes whoever is at it: what it says is done only then. Milliseconds since 1970. */
  end?: number;
  timer?: ReturnType<typeof setTimeout>;
}
const clocks = new Map<number, Clock>();
let held = false;
const longest = 120_000; // milliseconds for which a pointer may keep what is to be done from being done
let last = 0;

/** Says that something was done. It goes by itself, later when it can be undone: over is called then. */
export function say(text: string, undo?: () => void, over?: () => void): number {
  return show({ text, bad: false, undo, over }, undo ? 10_000 : 4_000);
}

/** Says that something went wrong where no form shows it. */
export function complain(text: string) {
  show({ text, bad: true }, 12_000);
}

/** Takes a message away. */
export function dismiss(id: number) {
  take(id)?.over?.();
}

/** Takes back what the message says, or without one the last that can be. Reports whether there was one. */
export function undo(id = toasts.findLast((toast) => toast.undo)?.id): boolean {
  const toast = id === undefined ? undefined : take(id);
  toast?.undo?.();
  return !!toast;
}

/** Has the messages stay for as long as somebody is at them. */
export function hold(on: boolean) {
  if (on === held) return;
  held = on;
  for (const [id, clock] of clocks) {
    if (on) {
      clearTimeout(clock.timer);
      clock.left = Math.max(2_000, clock.left - (Date.now() - clock.since));
      if (clock.end) clock.timer = setTimeout(() => dismiss(id), clock.end - Date.now());
    } else {
      start(id, clock);
    }
  }
}

function show(toast: Omit<Toast, 'id'>, ms: number): number {
  const id = ++last;
  toasts.push({ ...toast, id });
  const clock: Clock = { left: ms, since: Date.now(), end: toast.over && Date.now() + longest };
  clocks.set(id, clock);
  if (!held) start(id, clock);
  else if (clock.end) clock.timer = setTimeout(() => dismiss(id), longest);
  return id;
}

function start(id: number, clock: Clock) {
  clock.since = Date.now();
  clock.timer = setTimeout(() => dismiss(id), clock.end ? Math.min(clock.left, clock.end - Date.now()) : clock.left);
}

function take(id: number): Toast | undefined {
  clearTimeout(clocks.get(id)?.timer);
  clocks.delete(id);
  const i = toasts.findIndex((t) => t.id === id);
  const [toast] = i < 0 ? [] : toasts.splice(i, 1);
  hold(false); // what somebody was at is gone
  return toast;
}
