// Logarithmic axes: their range, and ticks that are round and not too close.
import { type ScaleLogarithmic, scaleLog } from "d3-scale";

/** A range around positive values that leaves a little room at both ends, also for one value and for extreme ones. */
export function logDomain(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const spread = Math.log10(high) - Math.log10(low);
  const room = 10 ** Math.max(0.04 * spread, spread < 0.3 ? 0.15 : 0.02);
  return [Math.max(low / room, 1e-307), Math.min(high * room, 1e307)];
}

export function logScale(domain: [number, number], range: [number, number]): ScaleLogarithmic<number, number> {
  return scaleLog().domain(domain).range(range);
}

/** Ticks at these values themselves where they are few, else round ones. */
export function ticksAt(values: readonly number[], scale: ScaleLogarithmic<number, number>, gap: number): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const room = sorted.every((value, at) => at === 0 || scale(value) - scale(sorted[at - 1]) >= gap);
  return room ? sorted : roundTicks(scale, gap);
}

const series = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];

/** The densest round ticks at least `gap` pixels apart: 1 2 3 … 9 a decade, fewer of them, or one every few decades. */
export function roundTicks(scale: ScaleLogarithmic<number, number>, gap: number): number[] {
  const [low, high] = scale.domain();
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const inside = (value: number) => value >= low && value <= high;
  const decades = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const fine = linearTicks(low, high);
  const candidates = [
    ...(high < 3 * low ? [fine] : []),
    ...series.map((steps) => decades.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))),
  ].map((ticks) => ticks.filter(inside));
  const apart = (ticks: number[]) =>
    ticks.every((tick, at) => at === 0 || Math.abs(scale(tick) - scale(ticks[at - 1])) >= gap);
  const found = candidates.find((ticks) => ticks.length >= 2 && apart(ticks));
  if (found) return found;
  const pixels = Math.abs(scale(high) - scale(low)) / Math.max(1, Math.log10(high) - Math.log10(low));
  const every = Math.max(1, Math.ceil(gap / pixels));
  return decades
    .filter((decade) => decade % every === 0)
    .map((decade) => Number(`1e${decade}`))
    .filter(inside);
}

/** Round and evenly spaced, for ranges within a factor of about two. */
function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((step) => Number(`${step}e${power}`) >= rough)!;
  const first = Math.ceil(low / Number(`${step}e${power}`));
  const ticks: number[] = [];
  for (let at = first; ticks.length < 12; at++) {
    const tick = Number(`${at * step}e${power}`);
    if (!(tick <= high)) break;
    ticks.push(tick);
  }
  return ticks;
}
