/** What times charts are of. */
export const ranges = [
  { value: '15m', title: '15 min', long: 'The last 15 minutes', seconds: 900 },
  { value: '1h', title: '1 h', long: 'The last hour', seconds: 3600 },
  { value: '6h', title: '6 h', long: 'The last 6 hours', seconds: 6 * 3600 },
  { value: '24h', title: '24 h', long: 'The last 24 hours', seconds: 86_400 },
  { value: '7d', title: '7 days', long: 'The last 7 days', seconds: 7 * 86_400 },
  { value: '30d', title: '30 days', long: 'The last 30 days', seconds: 30 * 86_400 },
];

export const usual = '1h';

/** Returns how many seconds back a range begins. */
export function secondsOf(range: string): number {
  return (ranges.find(({ value }) => value === range) ?? ranges[1]!).seconds;
}
