import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { figureJSON, figureMarkdown, figureSVG, figures } from "../../src/figures/index.js";
import { kimTightness } from "../../src/figures/kimTightness.js";
import { createRuntime, type Runtime } from "../../src/measure/createRuntime.js";
import { checkWellFormed } from "../report/wellFormed.js";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime({ device: "wasm", dtype: "f64" });
});
afterAll(() => runtime.dispose());

describe.each(Object.keys(figures))("figure %s", (name) => {
  it("--quick: repeats itself, reports progress, and is drawn and told in full", async () => {
    const fractions: number[] = [];
    const settings = {
      quick: true,
      seed: 3,
      onProgress: ({ fraction }: { fraction: number }) => fractions.push(fraction),
    };
    const figure = await figures[name](runtime, settings);
    expect(await figures[name](runtime, { quick: true, seed: 3 })).toEqual(figure);
    expect(figure.name).toBe(name);
    expect(figure.comparisons).toEqual([]);
    expect(fractions.at(-1)).toBeCloseTo(1, 12);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));

    const svg = figureSVG(figure);
    checkWellFormed(svg);
    for (const { title, curves } of figure.panels) {
      expect(svg).toContain(title.replaceAll("'", "&#39;"));
      expect(curves.length).toBeGreaterThan(0);
      for (const { points } of curves) for (const { x, y } of points) expect(Number.isFinite(x + y)).toBe(true);
    }
    const markdown = figureMarkdown(figure);
    expect(markdown).toMatch(/^# .*\n\nMeasured: /);
    expect(markdown).toContain("Published, as we read it: ");
    expect(markdown).toContain(`howsmooth reproduce ${name}`);
    expect(markdown).not.toMatch(/undefined|NaN|\[object/);
    const { panels, tables } = JSON.parse(figureJSON(figure, runtime.info, "1.2.3"));
    expect({ panels, tables }).toEqual(JSON.parse(JSON.stringify({ panels: figure.panels, tables: figure.tables })));
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(figures[name](runtime, { quick: true, signal: controller.signal })).rejects.toThrow("enough");
  });
});

it("kim-inverse: L2 attention comes back, dot-product attention with large weights does not", async () => {
  const { comparisons } = await figures["kim-inverse"](runtime, {});
  expect(comparisons).toHaveLength(9);
  expect(comparisons.filter(({ agrees }) => !agrees)).toEqual([]);
});

it("another seed gives other numbers", async () => {
  const [a, b] = [0, 1].map((seed) => figures["castin-random"](runtime, { quick: true, seed }));
  expect((await a).tables).not.toEqual((await b).tables);
});

it("kim-tightness reproduces every row of MATH 11.4", async () => {
  const { comparisons } = await kimTightness(runtime, {});
  expect(comparisons).toHaveLength(6 * 3 + 4 * 2);
  expect(comparisons.filter(({ agrees }) => !agrees)).toEqual([]);
});
