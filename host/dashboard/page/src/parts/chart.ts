// The part of charts that is loaded when one is shown: uPlot, and how it looks here.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** A line or the bars of a chart. */
export interface Drawn {
  title: string;
  /** The name of a colour in tokens.css. */
  colour: string;
  /** A value for each time; null: there is none. */
  values: (number | null)[];
}

export interface Opening {
  parent: HTMLElement;
  height: number;
  /** Bars stand on each other, lines do not. */
  kind: 'bars' | 'lines';
  /** Says a value, at the axis. */
  say: (value: number) => string;
  /** The finest step of the axis of values. */
  whole: boolean;
  /** Called with the number of the time under the pointer. */
  pointed: (index: number | undefined) => void;
  /** Called with a stretch of time that was dragged over, in seconds. */
  chosen?: (from: number, to: number) => void;
}

export interface Shown {
  /** In seconds. */
  times: number[];
  from: number;
  to: number;
  drawn: Drawn[];
}

/** A chart that is open. */
export interface Handle {
  show(shown: Shown): void;
  close(): void;
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** Returns which values have none beside them: a line alone does not show them. */
function alone(u: uPlot, series: number): number[] {
  const values = Array.from(u.data[series]!);
  return values.flatMap((value, i) => (value != null && values[i - 1] == null && values[i + 1] == null ? [i] : []));
}

/** Opens a chart in an element, in the colours of the theme that it now has. Charts of one group share the pointer. */
export function open(opening: Opening, first: Shown, group: string): Handle {
  const { parent, height, kind, say, whole, pointed, chosen } = opening;
  const colour = (name: string) => {
    parent.style.color = `var(--${name})`; // which the browser resolves, for the canvas
    const { color } = getComputedStyle(parent);
    parent.style.color = '';
    return color;
  };
  const font = `11px ${getComputedStyle(parent).fontFamily}`;
  const axis: uPlot.Axis = { stroke: colour('text-faint'), font, grid: { stroke: colour('line'), width: 1 }, ticks: { show: false } };
  let now = first;

  const plot = new uPlot(
    {
      width: Math.max(120, parent.clientWidth),
      height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: !!chosen, y: false, setScale: false }, sync: { key: group, setSeries: false } },
      scales: { x: { range: () => [now.from, now.to] }, y: { range: (_, __, most) => [0, Math.max(whole ? 4 : 0.001, (most ?? 0) * 1.1)] } },
      axes: [
        { ...axis, size: 24, gap: 2, space: 64, values: (_, splits) => splits.map((s) => (now.to - now.from > 2 * 86_400 ? day : clockTime).format(s * 1000)) },
        { ...axis, size: 58, space: 28, incrs: whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8] : undefined, values: (_, splits) => splits.map(say) },
      ],
      series: [
        {},
        ...first.drawn.map(({ colour: name }): uPlot.Series => {
          const stroke = colour(name);
          return kind === 'bars'
            ? { fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars!({ size: [0.8, 40], align: 1 }) }
            : { stroke, width: 1.75, points: { show: true, filter: alone, size: 5, fill: stroke }, paths: uPlot.paths.linear!() };
        }),
      ],
      hooks: {
        setCursor: [(u) => pointed(u.cursor.idx ?? undefined)],
        setSelect: [
          (u) => {
            if (u.select.width > 4) chosen?.(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    data(first),
    parent,
  );

  /** Bars are drawn over each other, from the whole to the last part. */
  function data({ times, drawn }: Shown): uPlot.AlignedData {
    const values = drawn.map(({ values }) => values);
    if (kind === 'lines') return [times, ...values];
    return [times, ...values.map((_, i) => times.map((_, t) => values.slice(i).reduce((sum: number, of) => sum + (of[t] ?? 0), 0) || null))];
  }

  const resized = new ResizeObserver(() => {
    const width = Math.floor(parent.clientWidth);
    if (width > 0 && width !== plot.width) plot.setSize({ width, height });
  });
  resized.observe(parent);
  return {
    show(shown) {
      now = shown;
      plot.setData(data(shown));
    },
    close() {
      resized.disconnect();
      plot.destroy();
    },
  };
}
