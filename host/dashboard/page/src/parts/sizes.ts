const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Says a number of bytes. */
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

const whole = new Intl.NumberFormat('en');

/** Says a number, with its thousands apart. */
export function number(n: number): string {
  return whole.format(n);
}
