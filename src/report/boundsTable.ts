// The table of `howsmooth bounds`.
import type { BoundsRow } from "../analysis/boundsOfModel.js";
import { formatBracket, formatNumber, formatShort } from "../base/numbers.js";

const columns = [
  ["layer", 5],
  ["n", 5],
  ["sigma", 10],
  ["[lower, upper]", 22],
  ["at x", 9],
  ["distances", 9],
  ["radius", 7],
  ["normalised", 10],
  ["ball", 9],
  ["paper", 9],
] as const;

export function formatBoundsHeader(): string {
  return line(columns.map(([name]) => name));
}

export function formatBoundsRow(row: BoundsRow): string {
  const { layer, n, sigma, lower, upper, local, pointwise, radius, normalized, ball } = row;
  const values = Object.values(ball).map(({ value }) => value);
  return line([
    String(layer),
    String(n),
    formatNumber(sigma),
    formatBracket(lower, upper),
    short(local.value),
    short(pointwise?.value),
    short(radius.value),
    short(normalized?.value),
    short(Math.min(...values)),
    short(ball["castin"]?.value),
  ]);
}

function short(value: number | undefined): string {
  if (value === undefined) return "–";
  return Number.isFinite(value) ? formatShort(value, 4) : "∞";
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => {
      const [name, width] = columns[at];
      return name === "[lower, upper]" ? cell.padEnd(width) : cell.padStart(width);
    })
    .join("  ")
    .trimEnd();
}
