// <figure>.svg: text as text, light or dark as the viewer prefers.
import { drawCurves } from "../charts/curves.js";
import { Sheet } from "../charts/sheet.js";
import type { Figure } from "./figure.js";

/** The panels under the figure's title and legend, above its paragraphs. */
export function figureSVG({ name, title, panels, paragraphs }: Figure): string {
  const sheet = new Sheet();
  sheet.space(14);
  sheet.line(title, "figure", 26);
  sheet.drawing(drawCurves(panels));
  for (const paragraph of paragraphs) {
    sheet.paragraph(paragraph, "muted");
    sheet.space(6);
  }
  sheet.space(-20);
  return sheet.render(name, title, paragraphs[0] ?? title);
}
