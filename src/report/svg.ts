// report.svg: the charts of a report on one sheet, with what is needed to read them.
import type { Report } from "../analysis/report.js";
import { placeOf } from "../analysis/report.js";
import { type Chart, chartWidth, drawing, group, text, wrap } from "../charts/chart.js";
import { charts } from "../charts/index.js";
import { element } from "../charts/markup.js";
import { extentOf, largestRow, meaningOf, modelName, provenanceOf, sigmaWithBracket, warningsOf } from "./facts.js";

const margin = 28;
const lineHeight = 17;

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
  return `${sheet.render(title, largest ? `The largest σ is ${sigmaWithBracket(largest)} at ${placeOf(largest)}.` : extentOf(report))}\n`;
}

/** Things one below the other. */
class Sheet {
  #y = margin;
  readonly #parts: string[] = [];

  space(height: number): void {
    this.#y += height;
  }

  line(content: string, classes: string, height = lineHeight): void {
    for (const line of wrap(content, chartWidth, classes === "figure" ? 20 : 12)) {
      this.#parts.push(text(margin, this.#y, line, classes));
      this.#y += height;
    }
  }

  paragraph(content: string, classes = ""): void {
    this.line(content, classes);
  }

  chart({ title, caption, body, height }: Chart): void {
    this.space(26);
    this.line(title, "heading", 20);
    this.line(caption, "muted");
    this.#parts.push(group(margin, this.#y, body));
    this.#y += height;
  }

  fact(name: string, value: string): void {
    const indent = 190;
    this.#parts.push(
      ...wrap(name, indent - 12, 11)
        .slice(0, 1)
        .map((line) => text(margin, this.#y, line, "small muted")),
    );
    for (const line of wrap(value, chartWidth - indent, 11)) {
      this.#parts.push(text(margin + indent, this.#y, line, "small"));
      this.#y += 15;
    }
  }

  render(title: string, description: string): string {
    const size = { width: chartWidth + 2 * margin, height: Math.ceil(this.#y + margin) };
    const paper = element("rect", { class: "paper", ...size });
    return drawing({ name: "report", title, description, ...size }, paper + this.#parts.join(""), true);
  }
}
