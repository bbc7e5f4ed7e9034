// A chart: a drawing with the words that belong to it. Whoever shows it sets those words in their own way.
import { type Attributes, element, escapeText } from "./markup.js";
import { chartStyle } from "./theme.js";

/** A chart as SVG markup, with what it says in words. */
export interface Chart {
  /** Unique among the charts of a report; for ids. */
  name: string;
  title: string;
  /** How to read it. Plain text. */
  caption: string;
  /** What it shows, for those who do not see it. Plain text. */
  description: string;
  width: number;
  height: number;
  /** SVG elements in the coordinates [0, width] × [0, height]. */
  body: string;
}

/** The width of every chart: what a page column holds, and one line of a caption. */
export const chartWidth = 960;

/**
 * The chart as an SVG document of its own, or, with `style: false`, for a page that has `chartStyle` already.
 * @example
 * const documents = charts(report).map((chart) => renderChart(chart));
 */
export function renderChart(chart: Chart, { style = true } = {}): string {
  return drawing(chart, chart.body, style);
}

/** An svg element with its title and description. */
export function drawing(
  { name, title, description, width, height }: Omit<Chart, "caption" | "body">,
  body: string,
  style: boolean,
): string {
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      class: "hs",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-labelledby": `${name}-title ${name}-description`,
    },
    element("title", { id: `${name}-title` }, escapeText(title)),
    element("desc", { id: `${name}-description` }, escapeText(description)),
    ...(style ? [element("style", {}, chartStyle)] : []),
    body,
  );
}

export function text(x: number, y: number, content: string, classes = "", more: Attributes = {}): string {
  return element("text", { x, y, class: classes || undefined, ...more }, escapeText(content));
}

/** Markup inside a text element, for powers and letters in italics. */
export function richText(x: number, y: number, markup: string, classes = ""): string {
  return element("text", { x, y, class: classes || undefined }, markup);
}

export function group(x: number, y: number, ...children: string[]): string {
  return element(
    "g",
    { transform: `translate(${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100})` },
    ...children,
  );
}

/** Lines of at most `width` pixels, for SVG, which cannot break them; the width of a letter is a fair guess. */
export function wrap(content: string, width: number, fontSize = 12): string[] {
  const most = Math.floor(width / (0.53 * fontSize));
  const lines: string[] = [];
  let line = "";
  for (const word of content.split(/\s+/).flatMap((word) => word.match(new RegExp(`.{1,${most}}`, "gsu")) ?? [])) {
    if (line !== "" && line.length + 1 + word.length > most) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
