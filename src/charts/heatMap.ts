// A heat map: numbers in a grid, their size in colour on a logarithmic scale.

import { formatNumber, formatShort } from "../base/numbers.js";
import { chartWidth, text } from "./chart.js";
import { element, escapeText } from "./markup.js";
import { heatSteps } from "./theme.js";

export interface HeatMap {
  rows: { label: string; values: (number | null)[] }[];
  columns: string[];
  rowTitle: string;
  columnTitle: string;
  /** What a cell's tip says in front of its value. */
  tip(row: string, column: string): string;
  /** Whether the first column stands apart. */
  firstApart?: boolean;
}

const left = 56;
const top = 40;

export function heatMap({ rows, columns, rowTitle, columnTitle, tip, firstApart }: HeatMap): {
  body: string;
  height: number;
} {
  const apart = firstApart ? 10 : 0;
  const width = Math.min(64, (chartWidth - left - 12 - apart) / columns.length);
  const height = rows.length <= 32 ? 26 : rows.length <= 64 ? 17 : 9;
  const digits = height < 17 || width < 27 ? 0 : width < 38 ? 2 : 3;
  const gap = Math.min(width, height) > 8 ? 1.5 : 0;
  const stepOf = heatScale(rows.flatMap(({ values }) => values));
  const xOf = (column: number) => left + column * width + (column > 0 ? apart : 0);

  const cells = rows.flatMap(({ label, values }, row) =>
    values.map((value, column) => {
      const [x, y] = [xOf(column), top + row * height];
      const words = `${tip(label, columns[column])}: ${value === null ? "not measured" : formatNumber(value)}`;
      const hint = element("title", {}, escapeText(words));
      const middle = y + height / 2 + 4;
      if (value === null) {
        return element("g", {}, hint, digits > 0 ? text(x + width / 2, middle, "–", "small muted middle") : "");
      }
      const step = stepOf(value);
      const [w, h] = [width - gap, height - gap];
      const box = element("rect", { class: `q${step}`, x, y, width: w, height: h, rx: gap > 0 ? 2 : undefined });
      const number =
        digits > 0 ? text(x + w / 2, middle - gap / 2, formatShort(value, digits), `small middle t${step}`) : "";
      return element("g", {}, hint, box, number);
    }),
  );
  const everyRow = Math.ceil(13 / height);
  const everyColumn = Math.ceil(columns.reduce((most, label) => Math.max(most, 7 * label.length + 6), 0) / width);
  const bottom = top + rows.length * height;
  const body = [
    text(left, 12, columnTitle, "muted"),
    text(left - 8, top - 10, rowTitle, "small muted end"),
    ...columns.map((label, at) =>
      at === 0 || (at - (firstApart ? 1 : 0)) % everyColumn === 0
        ? text(xOf(at) + (width - gap) / 2, top - 10, label, "small muted middle")
        : "",
    ),
    ...rows.map(({ label }, at) =>
      at % everyRow === 0 ? text(left - 8, top + at * height + height / 2 + 3, label, "small muted end") : "",
    ),
    ...cells,
    heatKey(
      rows.flatMap(({ values }) => values),
      bottom + 10,
    ),
  ];
  return { body: body.join(""), height: bottom + 34 };
}

/** The step of a value between the smallest and the largest of the positive ones, in logarithms; 0 for 0. */
function heatScale(values: readonly (number | null)[]): (value: number) => number {
  const [low, high] = rangeOf(values).map(Math.log);
  return (value) => {
    if (value === 0) return 0;
    if (!(high - low > 1e-6)) return Math.floor(heatSteps / 2);
    return Math.min(heatSteps - 1, Math.floor((heatSteps * (Math.log(value) - low)) / (high - low)));
  };
}

function rangeOf(values: readonly (number | null)[]): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) if (value) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

function heatKey(values: readonly (number | null)[], y: number): string {
  const [low, high] = rangeOf(values);
  if (!(high > low)) return "";
  const [first, last] = [formatShort(low), formatShort(high)];
  const from = left + 7 * first.length + 8;
  const swatches = Array.from({ length: heatSteps }, (_, step) =>
    element("rect", { class: `q${step}`, x: from + step * 22, y: y + 2, width: 22, height: 10 }),
  );
  const end = from + heatSteps * 22 + 8;
  return (
    text(left, y + 11, first, "small muted") +
    swatches.join("") +
    text(end, y + 11, `${last}   logarithmic`, "small muted")
  );
}
