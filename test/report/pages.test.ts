// report.svg and report.html: the same bytes each time, safe whatever a report holds, readable in both themes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assembleReport, type MeasuredRow, type Report } from "../../src/analysis/report.js";
import { type Chart, renderChart } from "../../src/charts/chart.js";
import { charts } from "../../src/charts/index.js";
import { pageColours } from "../../src/charts/theme.js";
import { toHTML } from "../../src/report/html.js";
import { toJSON } from "../../src/report/json.js";
import { parseReport } from "../../src/report/parse.js";
import { toSVG } from "../../src/report/svg.js";
import { arbitraryReport } from "./arbitraryReport.js";
import { measured, sample } from "./sample.js";
import { checkWellFormed } from "./wellFormed.js";

/** Three layers with two heads, two windows a length, sigma growing by known powers of n. */
const heads: Report = (() => {
  const rows: MeasuredRow[] = [0, 1, 2].flatMap((layer) =>
    [null, 0, 1].flatMap((head) =>
      [4, 8, 16, 32].flatMap((n) =>
        [0, 1].map((sample) => {
          const sigma =
            (1 + layer) * n ** (0.1 + 0.2 * layer) * (1 + 0.1 * sample) * (head === null ? 1 : 0.3 + 0.2 * head);
          return { ...measured(layer, n, sigma), head, sample, start: sample * n, radius: 8 + layer + 0.5 * sample };
        }),
      ),
    ),
  );
  const { provenance } = sample;
  const model = {
    ...provenance.model,
    source: "./checkpoints/example",
    heads: 2,
    files: { "model.safetensors": "ab".repeat(32) },
  };
  const options = { ...provenance.options, layers: [0, 1, 2], heads: true, lengths: [4, 8, 16, 32], samples: 2 };
  const input = { ...provenance.input, tokens: 5000, wrapped: null };
  return assembleReport({ ...provenance, model, input, options }, rows, true);
})();

const forms = { toSVG, toHTML };

describe.each(Object.entries(forms))("%s", (name, form) => {
  const extension = name.slice(2).toLowerCase();

  it("has the bytes that were looked at", async () => {
    await expect(form(heads)).toMatchFileSnapshot(`__snapshots__/heads.${extension}.snap`);
    await expect(form(sample)).toMatchFileSnapshot(`__snapshots__/incomplete.${extension}.snap`);
  });

  it("is the same for a report read back", () => {
    for (const report of [heads, sample]) expect(form(parseReport(toJSON(report)))).toBe(form(report));
  });

  it("is well-formed and has no way in for a script, whatever the report holds", () => {
    fc.assert(
      fc.property(arbitraryReport, (report) => {
        const markup = form(report);
        checkWellFormed(markup);
        expect(/<script|<svg o|.{30}(NaN|="[^"]*Infinity|undefined)/.exec(markup)?.[0]).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  it("takes nothing from elsewhere and has both themes", () => {
    const markup = form(heads);
    expect(markup).not.toMatch(/<script|<link|<image|<img|@import|url\(| href=| src=/);
    expect(markup.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|\/\//);
    expect(markup).toContain("@media (prefers-color-scheme:dark)");
  });

  it("draws a report without rows, and one whose grid is mostly empty", () => {
    checkWellFormed(form({ ...sample, rows: [], fits: [] }));
    const scattered = Array.from({ length: 3000 }, (_, at) => measured(at, at + 1, 1));
    const markup = form(assembleReport(sample.provenance, scattered, false));
    checkWellFormed(markup);
    expect(markup).not.toContain("Layers and lengths");
  });

  it("says what is measured, by what, and what the bracket means", () => {
    const words = form(heads)
      .replaceAll(/<[^>]*>/g, " ")
      .replaceAll(/\s+/g, " ");
    for (const part of ["example", "layers 0–2, each head apart", "seed 0", "wasm, f32, simd128", "ab".repeat(32)]) {
      expect(words).toContain(part);
    }
    expect(words).toMatch(/largest singular value .* probability at most 1e-6/);
    const incomplete = form(sample).replaceAll(/<[^>]*>/g, " ");
    expect(incomplete).toMatch(/Incomplete: 6 of 8 rows/);
    expect(incomplete).toMatch(/Failed: 1 of 6 rows/);
    expect(incomplete).toContain("20 tokens: taken modulo");
  });
});

/** Centres of the points of the growth chart, not of its key. */
function pointsOf(chart: Chart): number[][] {
  const points = chart.body.matchAll(
    /<\/title><path class="whisker[^>]*><circle class="point r\d" cx="([\d.]+)" cy="([\d.]+)"/g,
  );
  return [...points].map(([, x, y]) => [Number(x), Number(y)]);
}

describe("charts", () => {
  it("are depth, growth, layers and, where heads were measured, heads; each can stand alone", () => {
    expect(charts(heads).map(({ name }) => name)).toEqual(["depth", "growth", "layers", "heads"]);
    expect(charts(sample).map(({ name }) => name)).toEqual(["growth", "layers"]);
    expect(charts({ ...sample, rows: [] })).toEqual([]);
    for (const chart of charts(heads)) {
      const alone = renderChart(chart);
      checkWellFormed(alone);
      expect(alone).toContain("<style>");
      expect(alone).toContain(`aria-labelledby="${chart.name}-title ${chart.name}-description"`);
      expect(renderChart(chart, { style: false })).not.toContain("<style>");
    }
  });

  it("place points on logarithmic axes: equal ratios are equal distances, and whiskers reach from lower to upper", () => {
    const rows = [measured(0, 4, 1), measured(0, 16, 4), measured(0, 64, 16)];
    const [growth] = charts(assembleReport(sample.provenance, rows, true));
    const points = pointsOf(growth);
    expect(points).toHaveLength(3);
    for (const axis of [0, 1]) {
      expect(points[1][axis] - points[0][axis]).toBeCloseTo(points[2][axis] - points[1][axis], 1);
    }
    const whiskers = [...growth.body.matchAll(/class="whisker r\d" d="M[\d.]+ ([\d.]+)V([\d.]+)"/g)].map(([, a, b]) => [
      +a,
      +b,
    ]);
    const perDecade = (points[0][1] - points[1][1]) / Math.log10(4);
    for (const [upper, lower] of whiskers) expect(lower - upper).toBeCloseTo(perDecade * Math.log10(1.04 / 0.9999), 1);
  });

  it("draw the fitted line through the values of the power law", () => {
    const rows = [4, 8, 16, 32].map((n) => measured(0, n, 3 * n ** 0.5));
    const [growth] = charts(assembleReport(sample.provenance, rows, true));
    const [, x0, y0, x1, y1] = /class="fit" d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)"/.exec(growth.body)!.map(Number);
    const points = pointsOf(growth);
    expect([x0, y0]).toEqual([expect.closeTo(points[0][0], 1), expect.closeTo(points[0][1], 1)]);
    expect([x1, y1]).toEqual([expect.closeTo(points[3][0], 1), expect.closeTo(points[3][1], 1)]);
  });

  it("put windows of one length side by side and off the axis where sigma is 0", () => {
    const rows = [0, 1, 2].map((sample) => ({ ...measured(0, 8, 1), sample })).concat(measured(0, 16, 0));
    const [growth] = charts(assembleReport(sample.provenance, rows, true));
    const xs = pointsOf(growth).map(([x]) => x);
    expect(new Set(xs).size).toBe(3);
    expect(growth.body).toContain("σ = 0, off the axis");
  });
});

describe("colours", () => {
  const luminance = (colour: string) => {
    const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r, g, b] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };

  it.each(Object.entries(pageColours))("are legible in the %s theme (WCAG 2.1: text 4.5, graphics 3)", (_, theme) => {
    for (const text of [theme.ink, theme.muted]) expect(contrast(text, theme.paper)).toBeGreaterThanOrEqual(4.5);
    for (const mark of [...theme.radius, theme.fit, theme.axis]) {
      expect(contrast(mark, theme.paper)).toBeGreaterThanOrEqual(3);
    }
    for (const [fill, text] of theme.heat) expect(contrast(fill, text)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(Object.entries(pageColours))("of both scales can be told apart by lightness in the %s theme", (_, theme) => {
    for (const scale of [theme.radius, theme.heat.map(([fill]) => fill)]) {
      const away = scale.map((colour) => contrast(colour, theme.paper));
      expect(away).toEqual([...away].sort((a, b) => a - b));
      for (let at = 1; at < away.length; at++) expect(away[at] / away[at - 1]).toBeGreaterThan(1.08);
    }
  });
});
