// The key of the growth chart: token radius in colour, and what whisker, line and band stand for.
import type { MeasuredRow } from "../analysis/report.js";
import { formatShort } from "../base/numbers.js";
import { group, text } from "./chart.js";
import { element } from "./markup.js";
import { radiusSteps } from "./theme.js";

export interface RadiusBins {
  /** The ends of the bins, ascending; one where all radii are the same, none where none is known. */
  edges: number[];
  /** Whether a row's radius is unknown. */
  unknown: boolean;
  classOf(radius: number | null): string;
}

/** Equal steps from the smallest to the largest radius; below 0.5 % of difference, one colour for all. */
export function radiusBins(rows: readonly MeasuredRow[]): RadiusBins {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let unknown = false;
  for (const { radius } of rows) {
    if (radius === null) unknown = true;
    else [low, high] = [Math.min(low, radius), Math.max(high, radius)];
  }
  if (low > high) return { edges: [], unknown, classOf: () => "none" };
  if (high - low <= 0.005 * high) {
    return { edges: [high], unknown, classOf: (radius) => (radius === null ? "none" : `r${radiusSteps - 3}`) };
  }
  const edges = Array.from({ length: radiusSteps + 1 }, (_, at) => low + (high - low) * (at / radiusSteps));
  const classOf = (radius: number | null) =>
    radius === null
      ? "none"
      : `r${Math.min(radiusSteps - 1, Math.floor(radiusSteps * ((radius - low) / (high - low))))}`;
  return { edges, unknown, classOf };
}

const swatch = 46;

/** Drawn from the origin to the right; `height` includes the space below. */
export function legend(bins: RadiusBins, fitted: boolean, zeros: boolean): { body: string; height: number } {
  const parts: { width: number; body: string }[] = [radiusKey(bins)];
  const add = (symbol: string, words: string) =>
    parts.push({ width: 34 + 6.3 * words.length, body: symbol + text(20, 16, words, "muted") });
  add(
    element("path", { class: "whisker none", d: "M8 4V20" }) +
      element("circle", { class: "point none", cx: 8, cy: 13, r: 3.4 }),
    "σ and its bracket",
  );
  if (fitted) {
    add(
      element("path", { class: "band", d: "M0 6H16V18H0z" }) + element("path", { class: "fit", d: "M0 12H16" }),
      "power law, 95 % band",
    );
  }
  if (zeros) add(element("path", { class: "point none", d: "M4 8h8l-4 7z" }), "σ = 0, off the axis");
  let at = 0;
  const body = parts.map((part) => {
    const drawn = group(at, 0, part.body);
    at += part.width + 22;
    return drawn;
  });
  return { body: body.join(""), height: 34 };
}

function radiusKey({ edges, unknown }: RadiusBins): { width: number; body: string } {
  const label = "token radius";
  const from = 94;
  if (edges.length === 0) return { width: from + 50, body: text(0, 16, `${label} unknown`, "muted") };
  if (edges.length === 1) {
    const all = element("circle", { class: "point r2", cx: 6, cy: 12, r: 4 });
    const words = `${label} ${formatShort(edges[0], 4)}${unknown ? ", or unknown" : " in all windows"}`;
    return { width: 20 + 6.3 * words.length, body: all + text(18, 16, words, "muted") };
  }
  const swatches = Array.from({ length: radiusSteps }, (_, step) =>
    element("rect", { class: `r${step}`, x: from + step * swatch, y: 4, width: swatch, height: 8, stroke: "none" }),
  );
  const labels = distinct(edges).map((words, at) => text(from + at * swatch, 24, words, "small muted middle"));
  const gray = unknown
    ? element("circle", { class: "none", cx: from + radiusSteps * swatch + 30, cy: 8, r: 4 }) +
      text(from + radiusSteps * swatch + 40, 12, "unknown", "small muted")
    : "";
  const width = from + radiusSteps * swatch + (unknown ? 90 : 14);
  return { width, body: text(0, 16, label, "muted") + swatches.join("") + labels.join("") + gray };
}

/** With as many digits as tell neighbours apart. */
function distinct(edges: readonly number[]): string[] {
  for (let digits = 2; digits < 8; digits++) {
    const words = edges.map((edge) => formatShort(edge, digits));
    if (new Set(words).size === words.length) return words;
  }
  return edges.map((edge) => formatShort(edge, 8));
}
