const units: Record<string, number> = { '': 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** What an amount is counted in. */
export type Measure = 'number' | 'bytes' | 'ms';

/** Reads what somebody typed: "500", "1.5 GiB", "none" for no bound; undefined: it cannot be read. */
export function read(text: string, measure: Measure): number | undefined {
  const typed = text.trim().toLowerCase().replace(/^[1-9]\d{0,2}(,\d{3})+(?![\d,])/, (digits) => digits.replaceAll(',', ''));
  if (typed === 'none') return 0;
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(typed) ?? [];
  if (digits === undefined) return undefined;
  const factor = measure === 'bytes' ? units[unit] : measure === 'ms' ? { '': 1000, ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000 }[unit] : unit === '' ? 1 : undefined;
  if (factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : undefined;
}

/** Writes an amount so that it reads as the same. */
export function write(n: number, measure: Measure): string {
  if (n === 0) return 'none';
  const steps: [string, number][] =
    measure === 'bytes' ? [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['B', 1]] : measure === 'ms' ? [['h', 3_600_000], ['min', 60_000], ['s', 1000], ['ms', 1]] : [['', 1]];
  const [unit, size] = steps.find(([, size]) => n % size === 0)!;
  return unit ? `${n / size} ${unit}` : String(n);
}
