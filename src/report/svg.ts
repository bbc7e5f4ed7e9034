// report.svg: the charts of a report on one sheet, with what is needed to read them.
import type { Report } from "../analysis/report.js";
import { placeOf } from "../analysis/report.js";
import { charts } from "../charts/index.js";
import { Sheet } from "../charts/sheet.js";
import { extentOf, largestRow, meaningOf, modelName, provenanceOf, sigmaWithBracket, warningsOf } from "./facts.js";

/**
 * One SVG document with text as text, light or dark as its viewer prefers, without scripts and without anything from
 * elsewhere. Deterministic: the same report gives the same bytes.
 * @example
 * toSVG(report).slice(0, 4); // "<svg"
 */
export function toSVG(report: Report): string {
  const sheet = new Sheet();
  const { provenance } = report;
  const title = `How smooth is the attention of ${modelName(provenance)}?`;
  const largest = largestRow(report);
  sheet.space(14);
  sheet.line(title, "figure", 24);
  sheet.paragraph(extentOf(report), "muted");
  if (largest) sheet.paragraph(`Largest: σ = ${sigmaWithBracket(largest)} at ${placeOf(largest)}.`);
  for (const warning of warningsOf(report)) sheet.paragraph(warning);
  for (const chart of charts(report)) sheet.chart(chart);
  sheet.space(22);
  for (const paragraph of meaningOf(report)) {
    sheet.paragraph(paragraph, "muted");
    sheet.space(4);
  }
  sheet.space(10);
  for (const [name, value] of provenanceOf(report)) sheet.fact(name, value);
  const description = largest
    ? `The largest σ is ${sigmaWithBracket(largest)} at ${placeOf(largest)}.`
    : extentOf(report);
  return sheet.render("report", title, description);
}
