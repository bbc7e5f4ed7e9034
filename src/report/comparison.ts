// Two reports side by side, as aligned text.
import type { ComparedGroup, Comparison } from "../analysis/compare.js";
import { type MeasuredRow, partOf, placeOf } from "../analysis/report.js";
import { formatNumber } from "../base/numbers.js";

const columns = ["layer", "head", "n", "rows", "sigma a", "sigma b", "b / a"];
const widths = [5, 4, 5, 4, 10, 10, 8];

/**
 * One line for each layer, head and length, and one for each layer and head at all lengths: medians of sigma, the
 * geometric mean of the ratios, and how many rows are beyond their brackets, that is, differ for certain (up to the
 * brackets' own probability of failure).
 * @example
 * const text = toComparison(compareReports(report, baseline));
 */
export function toComparison({ rows, groups, onlyInA, onlyInB, differences }: Comparison): string {
  const lines = groups.map((group) => {
    const cells = [
      String(group.layer),
      group.head === null ? "all" : String(group.head),
      group.n === null ? "all" : String(group.n),
      String(group.rows),
      formatNumber(group.a),
      formatNumber(group.b),
      group.ratio === null ? "–" : group.ratio.toFixed(3),
    ];
    return `${line(cells)}  ${beyond(group)}`.trimEnd();
  });
  const exponents = groups.flatMap((group) => {
    const { a, b } = group.exponents ?? {};
    if (!a || !b) return [];
    return [`${partOf(group)}: exponent ${withInterval(a)} in a, ${withInterval(b)} in b`];
  });
  const certain = rows.filter(({ beyond }) => beyond !== null).length;
  return [
    `${line(columns)}  beyond their brackets`,
    ...lines,
    "",
    ...exponents,
    `${rows.length} rows in both; in ${certain} of them the brackets do not overlap`,
    ...only("a", onlyInA),
    ...only("b", onlyInB),
    ...(differences.length === 0 ? [] : ["the reports differ in (there is a, here is b):"]),
    ...differences.map((difference) => `  ${difference.replace(/\s+/g, " ")}`),
    "",
  ].join("\n");
}

function beyond({ rows, above, below }: ComparedGroup): string {
  const parts = [...(above > 0 ? [`${above} above`] : []), ...(below > 0 ? [`${below} below`] : [])];
  return parts.length === 0 ? "" : `${parts.join(", ")} of ${rows}`;
}

function withInterval({ exponent, interval: [low, high] }: { exponent: number; interval: [number, number] }): string {
  return `${exponent.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function only(name: string, rows: MeasuredRow[]): string[] {
  if (rows.length === 0) return [];
  return [`${rows.length} rows in ${name} only, the first at ${placeOf(rows[0])}`];
}

function line(cells: string[]): string {
  return cells.map((cell, at) => cell.padStart(widths[at])).join("  ");
}
