/** Says how long something took, of microseconds. */
export function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${Number((us / 1000).toFixed(1))} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 60_000_000) return `${Number((us / 1_000_000).toFixed(us < 10_000_000 ? 2 : 1))} s`;
  return span(us / 1_000_000);
}

/** Says a longer time in its two greatest units, of seconds. */
export function span(seconds: number): string {
  const units: [string, number][] = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]];
  const i = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  const words = [];
  let left = Math.round(seconds);
  for (const [unit, size] of seconds < 1 ? units.slice(-1) : units.slice(i, i + 2)) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n || !words.length) words.push(`${n} ${unit}`);
  }
  return words.join(' ');
}

/** Says how often something comes, of times in a second. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '< 0.01';
  return perSecond < 10 ? perSecond.toFixed(2) : perSecond < 100 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
}

/** Says which part something is of all, as 1.5 %. */
export function percent(part: number, all: number): string {
  if (!all || !part) return '0 %';
  const p = (100 * part) / all;
  return p < 0.1 ? '< 0.1 %' : `${p < 10 ? p.toFixed(1) : Math.round(p)} %`;
}
