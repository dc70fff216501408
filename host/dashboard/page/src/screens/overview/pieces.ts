import type { Schemas } from '$/api/client';

type Point = Schemas['Point'];
interface Span {
  from: string;
  to: string;
  step_seconds: number;
  points: Point[];
}

/** All pieces of time of a series, with those in which nothing ran: in which the API has no point. */
export interface Pieces {
  /** In seconds: when they begin. */
  times: number[];
  from: number;
  to: number;
  /** How many seconds of each are over and shown: the first and the last may be cut. */
  seconds: number[];
  /** Returns a figure of each; what nothing is known of is `none`. */
  of(figure: (point: Point, seconds: number) => number | null, none: null | 0): (number | null)[];
}

export function piecesOf({ from, to, step_seconds: step, points }: Span): Pieces {
  const [begin, end] = [Date.parse(from) / 1000, Date.parse(to) / 1000];
  const first = Math.floor(begin / step);
  const count = Math.max(1, Math.ceil(end / step) - first);
  const byIndex = new Map(points.map((point) => [Math.floor(Date.parse(point.at) / 1000 / step) - first, point]));
  const times = Array.from({ length: count }, (_, i) => (first + i) * step);
  const seconds = times.map((time) => Math.max(1, Math.min(end, time + step) - Math.max(begin, time)));
  return {
    times,
    seconds,
    from: begin,
    to: end,
    of: (figure, none) =>
      Array.from({ length: count }, (_, i) => {
        const point = byIndex.get(i);
        return point ? figure(point, seconds[i]!) : none;
      }),
  };
}
