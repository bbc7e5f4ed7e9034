// Panels of curves side by side, with a legend for all of them.
import { type ScaleContinuousNumeric, scaleLinear } from "d3-scale";
import { formatNumber, formatTick } from "../base/numbers.js";
import { chartWidth, group, text, wrap } from "./chart.js";
import { curveColours } from "./curveStyle.js";
import { logDomain, logScale, roundTicks, ticksAt } from "./logAxis.js";
import { element, escapeText, hundredths } from "./markup.js";

export interface Curve {
  readonly name: string;
  /** Colour and marker, from 0; "reference" is grey and has no markers. */
  readonly look: number | "reference";
  readonly dashed?: boolean;
  readonly points: readonly CurvePoint[];
  /** Default: both, but references have lines alone. */
  readonly draw?: "line" | "points";
}

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** The range of what y is the mean of, drawn as a whisker. */
  readonly low?: number;
  readonly high?: number;
}

export interface CurvePanel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale: "log" | "linear";
  readonly yScale: "log" | "linear";
  readonly curves: readonly Curve[];
  /** Names of x = 1, 2, …, in place of numbers. */
  readonly xNames?: readonly string[];
}

const left = 58;
const gap = 64;
const panelHeight = 280;

/** The legend and the panels below it, up to three side by side. */
export function drawCurves(panels: readonly CurvePanel[]): { body: string; height: number } {
  const key = legend(panels.flatMap(({ curves }) => curves));
  const parts = [key.body];
  let y = key.height;
  const perRow = Math.min(3, panels.length);
  const width = (chartWidth - perRow * left - (perRow - 1) * (gap - left) - 12) / perRow;
  for (let first = 0; first < panels.length; first += perRow) {
    y += 34;
    for (const [at, panel] of panels.slice(first, first + perRow).entries()) {
      parts.push(group(left + at * (width + gap), y, drawPanel(panel, width)));
    }
    y += panelHeight + 58;
  }
  return { body: parts.join(""), height: y };
}

type Scale = ScaleContinuousNumeric<number, number>;

interface Axis {
  scale: Scale;
  ticks: number[];
  shows(value: number): boolean;
}

function drawPanel({ title, xLabel, yLabel, xScale, yScale, curves, xNames }: CurvePanel, width: number): string {
  const points = curves.flatMap(({ points }) => points);
  const lengths = points.map((point) => point.x);
  const x = xNames ? categories(xNames, width) : axis(lengths, xScale, [8, width - 8], 30, true);
  const y = axis(
    points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
    yScale,
    [panelHeight, 0],
    24,
  );
  const grid = [
    ...y.ticks.map((tick) => `M0 ${hundredths(y.scale(tick))}H${hundredths(width)}`),
    ...x.ticks.map((tick) => `M${hundredths(x.scale(tick))} 0V${panelHeight}`),
  ];
  return [
    text(-left + 14, -16, title, "name"),
    element("path", { class: "grid", d: grid.join(""), fill: "none" }),
    element("path", { class: "axis", d: `M0 ${panelHeight}H${hundredths(width)}`, fill: "none" }),
    ...x.ticks.flatMap((tick) => {
      const lines = xNames ? wrap(xNames[tick - 1], width / xNames.length, 11) : [tickText(tick)];
      return lines.map((each, at) => text(x.scale(tick), panelHeight + 16 + 13 * at, each, "small muted middle"));
    }),
    ...y.ticks.map((tick) => text(-7, y.scale(tick) + 3.5, tickText(tick), "small muted end")),
    text(width / 2, panelHeight + (xNames ? 46 : 36), xLabel, "muted middle"),
    text(0, 0, yLabel, "muted middle", { transform: `translate(-44 ${panelHeight / 2}) rotate(-90)` }),
    ...curves.map((curve) => drawCurve(curve, x, y)),
  ].join("");
}

function axis(
  values: readonly number[],
  kind: "log" | "linear",
  range: [number, number],
  room: number,
  atValues = false,
): Axis {
  if (kind === "log") {
    const positive = values.filter((value) => value > 0 && Number.isFinite(value));
    const scale = logScale(logDomain(positive.length > 0 ? positive : [1]), range);
    const ticks = atValues ? ticksAt(positive, scale, room) : roundTicks(scale, room);
    return { scale, ticks, shows: (value) => value > 0 && Number.isFinite(value) };
  }
  const finite = values.filter(Number.isFinite);
  const scale = scaleLinear()
    .domain([Math.min(0, ...finite), Math.max(...finite, 1e-300)])
    .nice(6)
    .range(range);
  return { scale, ticks: scale.ticks(Math.floor(Math.abs(range[1] - range[0]) / (2 * room))), shows: Number.isFinite };
}

function categories(names: readonly string[], width: number): Axis {
  const scale = scaleLinear()
    .domain([0.5, names.length + 0.5])
    .range([0, width]);
  return { scale, ticks: names.map((_, at) => at + 1), shows: Number.isFinite };
}

function tickText(tick: number): string {
  return tick === 0 ? "0" : tick < 0 ? `−${formatTick(-tick)}` : formatTick(tick);
}

function drawCurve({ name, look, dashed, points, draw }: Curve, x: Axis, y: Axis): string {
  const shown = points.filter((point) => x.shows(point.x) && y.shows(point.y));
  const colour = look === "reference" ? "cr" : `c${look % curveColours}`;
  const d = shown.map(
    (point, at) => `${at === 0 ? "M" : "L"}${hundredths(x.scale(point.x))} ${hundredths(y.scale(point.y))}`,
  );
  const path = element("path", { class: `curve ${colour}${dashed ? " dashed" : ""}`, d: d.join("") });
  const marks = shown.map((point) => {
    const tip = element("title", {}, escapeText(`${name}: ${formatNumber(point.y)} at ${formatTick(point.x)}`));
    return element("g", {}, tip, whisker(point, colour, x, y), marker(look, x.scale(point.x), y.scale(point.y)));
  });
  if (look === "reference" || draw === "line") return path;
  return (draw === "points" ? "" : path) + marks.join("");
}

function whisker({ x: at, low, high }: CurvePoint, colour: string, x: Axis, y: Axis): string {
  if (low === undefined || high === undefined || !y.shows(low) || !y.shows(high)) return "";
  const d = `M${hundredths(x.scale(at))} ${hundredths(y.scale(low))}V${hundredths(y.scale(high))}`;
  return element("path", { class: `curve thin ${colour}`, d });
}

/** Circle, square, triangle, diamond: told apart without colour. */
function marker(look: number | "reference", x: number, y: number): string {
  if (look === "reference") return "";
  const shapes = [
    "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
    "m-3-3h6v6h-6z",
    "m0-3.8l3.7 6.6h-7.4z",
    "m0-4l4 4l-4 4l-4-4z",
  ];
  const d = `M${hundredths(x)} ${hundredths(y)}${shapes[look % shapes.length]}`;
  return element("path", { class: `mark c${look % curveColours}`, d });
}

function legend(curves: readonly Curve[]): { body: string; height: number } {
  const distinct = curves.filter((curve, at) => curves.findIndex(({ name }) => name === curve.name) === at);
  const parts: string[] = [];
  let x = 0;
  let y = 10;
  for (const { name, look, dashed, draw } of distinct) {
    const width = 50 + 6.4 * name.length;
    if (x > 0 && x + width > chartWidth) [x, y] = [0, y + 20];
    const colour = look === "reference" ? "cr" : `c${look % curveColours}`;
    const stroke =
      draw === "points" ? "" : element("path", { class: `curve ${colour}${dashed ? " dashed" : ""}`, d: "M0 0H26" });
    const mark = draw === "line" ? "" : marker(look, 13, 0);
    parts.push(group(x, y, stroke + mark + text(32, 4, name, "muted")));
    x += width;
  }
  return { body: parts.join(""), height: y + 10 };
}
