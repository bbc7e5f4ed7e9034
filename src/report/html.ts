// report.html: a page that can be sent to somebody, complete in one file.
import { isMeasured, partOf, placeOf, type Report, type Row } from "../analysis/report.js";
import { formatBracket, formatFixed, formatNumber } from "../base/numbers.js";
import { type Chart, renderChart } from "../charts/chart.js";
import { charts } from "../charts/index.js";
import { element, escapeText } from "../charts/markup.js";
import { extentOf, largestRow, meaningOf, modelName, provenanceOf, warningsOf } from "./facts.js";
import { pageStyle } from "./pageStyle.js";

/** Tables longer than a screenful are folded. */
const screenful = 24;

/**
 * A self-contained page, light or dark as its reader prefers: no script, nothing from elsewhere, and a policy that
 * would refuse both. Deterministic: the same report gives the same bytes.
 * @example
 * toHTML(report).slice(0, 15); // "<!doctype html>"
 */
export function toHTML(report: Report): string {
  const name = modelName(report.provenance);
  const head = element(
    "head",
    {},
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    element("title", {}, escapeText(`How smooth is the attention of ${name}?`)),
    element("style", {}, pageStyle),
  );
  const main = element(
    "main",
    {},
    header(report, name),
    ...charts(report).map(figure),
    fitsSection(report),
    element("section", {}, heading("What the numbers mean"), ...meaningOf(report).map((text) => paragraph(text))),
    rowsSection(report),
    provenanceSection(report),
  );
  return `<!doctype html>\n<html lang="en">\n${head}\n<body>\n${main}\n</body>\n</html>\n`;
}

function header(report: Report, name: string): string {
  return element(
    "header",
    {},
    element("h1", {}, `How smooth is the attention of <span class="model">${escapeText(name)}</span>?`),
    paragraph(extentOf(report), "lead"),
    ...warningsOf(report).map((warning) => paragraph(warning, "warning")),
    answers(report),
  );
}

/** The numbers that a reader in a hurry came for. */
function answers(report: Report): string {
  const largest = largestRow(report);
  const whole = report.fits.filter(({ head }) => head === null);
  const steepest = whole.reduce<(typeof whole)[number] | null>(
    (most, fit) => (most === null || fit.exponent > most.exponent ? fit : most),
    null,
  );
  const cards = [
    ...(largest
      ? [
          card(
            "largest σ",
            formatNumber(largest.sigma),
            `${placeOf(largest)}; in ${unbroken(formatBracket(largest.lower, largest.upper))}`,
          ),
        ]
      : []),
    ...(steepest
      ? [
          card(
            "steepest growth with n",
            `<i>n</i><sup>${formatFixed(steepest.exponent, 2)}</sup>`,
            `${partOf(steepest)}; exponent in ${unbroken(`${interval(steepest.interval)} at 95 %`)}`,
          ),
        ]
      : []),
    card("rows measured", String(report.rows.filter(isMeasured).length), statusesOf(report.rows)),
  ];
  return element("dl", { class: "answers" }, ...cards);
}

function card(name: string, valueMarkup: string, note: string): string {
  return `<div><dt>${escapeText(name)}</dt><dd>${valueMarkup}</dd><dd class="note">${escapeText(note)}</dd></div>`;
}

function statusesOf(rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const { status } of rows) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(", ") || "none yet";
}

function figure(chart: Chart): string {
  const region = { class: "scroll", tabindex: 0, role: "region", "aria-label": chart.title };
  return element(
    "section",
    {},
    heading(chart.title),
    element(
      "figure",
      {},
      element("figcaption", {}, escapeText(chart.caption)),
      element("div", region, renderChart(chart, { style: false })),
    ),
  );
}

function fitsSection({ fits, provenance }: Report): string {
  if (fits.length === 0) return "";
  const { heads } = provenance.options;
  const columns = ["layer", ...(heads ? ["head"] : []), "constant", "exponent", "95 % interval", "r²", "rows"];
  const rows = fits.map(({ layer, head, constant, exponent, interval: ends, r2, points }) => [
    String(layer),
    ...(heads ? [head === null ? "all" : String(head)] : []),
    formatNumber(constant),
    formatFixed(exponent, 3),
    interval(ends, 3),
    formatFixed(r2, 3),
    String(points),
  ]);
  return element(
    "section",
    {},
    heading("Power laws"),
    "<p>σ ≈ constant · <i>n</i><sup>exponent</sup>: least squares of log σ on log <i>n</i> over all windows, the " +
      "interval by Student’s t.</p>",
    folded(`${fits.length} fits`, rows.length, table("Power laws", columns, rows)),
  );
}

function rowsSection({ rows, provenance }: Report): string {
  if (rows.length === 0) return "";
  const { heads } = provenance.options;
  const columns = [
    ...["layer", ...(heads ? ["head"] : []), "n", "sample", "start", "σ", "lower, upper"],
    ...["status", "steps", "radius"],
  ];
  const cells = rows.map((row) => [
    String(row.layer),
    ...(heads ? [row.head === null ? "all" : String(row.head)] : []),
    String(row.n),
    String(row.sample),
    String(row.start),
    ...(isMeasured(row) ? [formatNumber(row.sigma), formatBracket(row.lower, row.upper)] : ["–", "–"]),
    row.error === undefined ? row.status : `${row.status}: ${row.error}`,
    isMeasured(row) ? String(row.steps) : "–",
    row.radius === null ? "–" : formatNumber(row.radius),
  ]);
  return element(
    "section",
    {},
    heading("Rows"),
    folded(`All ${rows.length} rows`, rows.length, table("Rows", columns, cells, "status")),
  );
}

function provenanceSection(report: Report): string {
  const facts = provenanceOf(report).map(
    ([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`,
  );
  return element(
    "section",
    {},
    heading("Provenance"),
    element("dl", { class: "facts" }, ...facts),
    paragraph("Made by howsmooth. The same model, text, options and device give the same numbers.", "muted"),
  );
}

function folded(summary: string, length: number, content: string): string {
  if (length <= screenful) return content;
  return element("details", {}, element("summary", {}, escapeText(summary)), content);
}

/** Numbers to the right, the column `words` to the left. */
function table(label: string, columns: string[], rows: string[][], words?: string): string {
  const classOf = (at: number) => (columns[at] === words ? ' class="words"' : "");
  const head = columns.map((name, at) => `<th scope="col"${classOf(at)}>${escapeText(name)}</th>`).join("");
  const body = rows.map(
    (cells) => `<tr>${cells.map((cell, at) => `<td${classOf(at)}>${escapeText(cell)}</td>`).join("")}</tr>\n`,
  );
  const content = `<table><thead><tr>${head}</tr></thead>\n<tbody>\n${body.join("")}</tbody></table>`;
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, content);
}

function heading(text: string): string {
  return element("h2", {}, escapeText(text));
}

function paragraph(text: string, classes?: string): string {
  return element("p", { class: classes }, escapeText(text));
}

/** Kept on one line. */
function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}

function interval([low, high]: readonly [number, number], digits = 2): string {
  return `[${formatFixed(low, digits)}, ${formatFixed(high, digits)}]`;
}
