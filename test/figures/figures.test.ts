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

it("kim-inverse says what its table shows, at any size", async () => {
  for (const seed of [0, 1]) {
    const { tables, paragraphs } = await figures["kim-inverse"](runtime, { quick: true, seed });
    const rows = tables[0].rows as [kind: string, gain: number, ...unknown[]][];
    const back = (kind: string, gain: number) =>
      rows.filter(([k, g]) => k === kind && g === gain).map((row) => (row.at(-1) as number) <= 1e-8);
    const [l2, large] = [back("l2", 3), back("dot-product", 3)];
    const same = l2.every(Boolean) && !large.some(Boolean);
    expect(paragraphs[1]).toContain(same ? "This is the same here" : "This is not the same here");
    const share = (of: boolean[]) => {
      const count = of.filter(Boolean).length;
      return count === of.length ? "for every c" : count === 0 ? "for no c" : `for ${count} of ${of.length} c`;
    };
    expect(paragraphs[0]).toContain(`with large ones ${share(large)} (`);
    expect(paragraphs[0]).toContain(`docs/theory.md, ${share(l2)} (`);
  }
});

it("castin-adversarial compares with the published number only what is comparable", async () => {
  const quick = await figures["castin-adversarial"](runtime, { quick: true });
  expect(quick.paragraphs[1]).toMatch(/not comparable/);
  expect(quick.paragraphs.join(" ")).not.toMatch(/lies (within|outside)/);
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
