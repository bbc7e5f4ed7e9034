// report.html: a page that can be sent to somebody, complete in one file.
import { fitOf } from "../analysis/fit.js";
import { groupByPart, isMeasured, partOf, placeOf, type Report, type Row } from "../analysis/report.js";
import { formatBracket, formatFixed, formatNumber, formatShort } from "../base/numbers.js";
import { type Chart, renderChart } from "../charts/chart.js";
import { charts } from "../charts/index.js";
import { element, escapeText } from "../charts/markup.js";
import { extentOf, largestRow, meaningOf, modelName, provenanceOf, verdictOf, warningsOf } from "./facts.js";
import { pageStyle } from "./pageStyle.js";
import { placeColumns, shownOf } from "./placeColumns.js";

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
    gateSection(report),
    fitsSection(report),
    element("section", {}, heading("What the numbers mean"), ...meaningOf(report).map((text) => paragraph(text))),
    rowsSection(report),
    windowsSection(report),
    provenanceSection(report),
  );
  return `<!doctype html>\n<html lang="en">\n${head}\n<body>\n${main}\n</body>\n</html>\n`;
}

function header(report: Report, name: string): string {
  const verdict = verdictOf(report);
  return element(
    "header",
    {},
    element("h1", {}, `How smooth is the attention of <span class="model">${escapeText(name)}</span>?`),
    paragraph(extentOf(report), "lead"),
    ...warningsOf(report).map((warning) => paragraph(warning, "warning")),
    ...(verdict ? [paragraph(verdict, report.gate!.passed ? "lead" : "warning")] : []),
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

/** The rows that did not pass, if a gate judged them. */
function gateSection({ gate, provenance }: Report): string {
  if (!gate || gate.breaches.length === 0) return "";
  const rows = gate.breaches.map((breach) => {
    const { limit, decision, lower, upper, allowed } = breach;
    return [placeOf(breach), `--${limit}`, decision, formatBracket(lower, upper), formatNumber(allowed)];
  });
  const limits = "A row passes if its upper bound is at most what was allowed; undecided: the bracket holds the limit.";
  const columns = ["row", "limit", "decision", "lower, upper", "allowed"];
  return element(
    "section",
    {},
    heading("Gate"),
    paragraph(`${limits} Measured with seed ${provenance.options.seed}.`, "muted"),
    folded(`${rows.length} rows`, rows.length, table("Gate", columns, rows, ...columns.slice(0, 3))),
  );
}

/** The words of each window, where the report holds them. */
function windowsSection({ windows, rows }: Report): string {
  if (!windows || windows.length === 0) return "";
  const largest = new Map<string, number>();
  for (const row of rows.filter(isMeasured)) {
    const window = `${row.n} ${row.sample}`;
    largest.set(window, Math.max(largest.get(window) ?? 0, row.sigma));
  }
  const cells = windows.map(({ n, sample, start, text }) => {
    const sigma = largest.get(`${n} ${sample}`);
    return [String(n), String(sample), String(start), sigma === undefined ? "–" : formatNumber(sigma), text];
  });
  const columns = ["n", "sample", "start", "largest σ", "words"];
  return element(
    "section",
    {},
    heading("Windows"),
    folded(`${windows.length} windows and their words`, windows.length, table("Windows", columns, cells, "words")),
  );
}

function fitsSection({ fits, rows: all, provenance }: Report): string {
  const unfitted = groupByPart(all).filter((part) => !fits.some((fit) => partOf(fit) === partOf(part)));
  const reasons = unfitted.map(
    (part) => `${partOf(part)}: no power law: ${fitOf(part.rows.filter(isMeasured)).reason}.`,
  );
  if (fits.length === 0) {
    if (reasons.length === 0) return "";
    return element(
      "section",
      {},
      heading("Power laws"),
      folded(`${reasons.length} without`, reasons.length, list(reasons)),
    );
  }
  const places = placeColumns(shownOf(fits, provenance.options.heads));
  const columns = [...places.map(({ title }) => title), "constant", "exponent", "95 % interval", "r²", "rows"];
  const rows = fits.map(({ constant, exponent, interval: ends, r2, points, ...part }) => [
    ...places.map(({ cell }) => cell(part)),
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
    folded(`${fits.length} fits`, rows.length, table("Power laws", columns, rows, "part")),
    reasons.length === 0 ? "" : folded(`${reasons.length} without a power law`, reasons.length, list(reasons)),
  );
}

function rowsSection({ rows, provenance }: Report): string {
  if (rows.length === 0) return "";
  const places = placeColumns(shownOf(rows, provenance.options.heads));
  const columns = [
    ...places.map(({ title }) => title),
    ...["n", "sample", "start", "σ", "lower, upper", "relative", "status", "steps", "radius"],
  ];
  const cells = rows.map((row) => [
    ...places.map(({ cell }) => cell(row)),
    String(row.n),
    String(row.sample),
    String(row.start),
    ...(isMeasured(row) ? [formatNumber(row.sigma), formatBracket(row.lower, row.upper)] : ["–", "–"]),
    isMeasured(row) && row.relative !== null ? formatShort(row.relative, 4) : "–",
    row.error === undefined ? row.status : `${row.status}: ${row.error}`,
    isMeasured(row) ? String(row.steps) : "–",
    row.radius === null ? "–" : formatNumber(row.radius),
  ]);
  return element(
    "section",
    {},
    heading("Rows"),
    folded(`All ${rows.length} rows`, rows.length, table("Rows", columns, cells, "part", "status")),
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

function list(lines: readonly string[]): string {
  return element("ul", { class: "muted" }, ...lines.map((line) => element("li", {}, escapeText(line))));
}

/** Numbers to the right, the columns of words to the left. */
function table(label: string, columns: string[], rows: string[][], ...words: string[]): string {
  const classOf = (at: number) => (words.includes(columns[at]) ? ' class="words"' : "");
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
