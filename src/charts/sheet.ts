// A sheet: words and drawings one below the other, as one SVG document.
import { type Chart, chartWidth, drawing, group, text, wrap } from "./chart.js";
import { element } from "./markup.js";

const margin = 28;
const lineHeight = 17;

export class Sheet {
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

  drawing({ body, height }: { body: string; height: number }): void {
    this.#parts.push(group(margin, this.#y, body));
    this.#y += height;
  }

  chart({ title, caption, body, height }: Chart): void {
    this.space(26);
    this.line(title, "heading", 20);
    this.line(caption, "muted");
    this.drawing({ body, height });
  }

  /** A name and its value, side by side. */
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

  render(name: string, title: string, description: string): string {
    const size = { width: chartWidth + 2 * margin, height: Math.ceil(this.#y + margin) };
    const paper = element("rect", { class: "paper", ...size });
    return `${drawing({ name, title, description, ...size }, paper + this.#parts.join(""), true)}\n`;
  }
}
