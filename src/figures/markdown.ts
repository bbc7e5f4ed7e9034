// A figure in words: its paragraphs, what was compared, and its tables, as Markdown.
import { formatNumber, formatShort } from "../base/numbers.js";
import type { Comparison, Figure } from "./figure.js";

export function figureMarkdown({ name, title, paragraphs, comparisons, tables, settings }: Figure): string {
  return `${[
    `# ${title}`,
    ...paragraphs,
    ...(comparisons.length > 0 ? [comparisonTable(comparisons)] : []),
    ...tables.flatMap((table) => [`**${table.title}**`, markdownTable(table.columns, table.rows.map(cells))]),
    `Made by \`howsmooth reproduce ${name}\` with ${inWords(settings)}.`,
  ].join("\n\n")}\n`;
}

function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ quantity, measured, expected, source, agrees }) => [
    quantity,
    formatNumber(measured),
    typeof expected === "number" ? String(expected) : `${expected[0]} to ${expected[1]}`,
    agrees ? "agrees" : "DIFFERS",
    source,
  ]);
  return markdownTable(["quantity", "measured", "expected", "", "source"], rows);
}

function cells(row: readonly (string | number | null)[]): string[] {
  return row.map((cell) => {
    if (cell === null) return "–";
    if (typeof cell === "string") return cell;
    return Number.isInteger(cell) ? String(cell) : formatShort(cell, 4);
  });
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

function inWords(settings: Record<string, unknown>): string {
  const parts = Object.entries(settings).map(([name, value]) => {
    return `${name} ${Array.isArray(value) ? value.join(", ") : String(value)}`;
  });
  return parts.join("; ");
}
