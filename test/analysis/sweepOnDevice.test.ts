// A sweep of a small random model, held against measuring its parts one by one.
import { expect, it, onTestFinished } from "vitest";
import { sweep } from "../../src/analysis/sweep.js";
import { deriveSeed } from "../../src/base/random.js";
import type { Tensor } from "../../src/base/tensor.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { randomModel } from "../../src/models/index.js";

it("gives what trace and localLipschitz give for the same window", async () => {
  const runtime = await createRuntime({ dtype: "f64" });
  onTestFinished(() => runtime.dispose());
  const model = await randomModel("gpt2", { runtime, layers: 3, width: 24, heads: 3, vocabulary: 100, context: 32 });
  onTestFinished(() => model.dispose());
  const tokens = Array.from({ length: 60 }, (_, i) => (i * 37) % 100);
  const report = await sweep(model, { tokens, layers: [0, 2], lengths: [1, 5, 20], samples: 2, seed: 3, runtime });

  expect(report.rows).toHaveLength(12);
  expect(report.provenance.runtime).toMatchObject({ device: "wasm", dtype: "f64" });
  for (const row of report.rows) {
    const trace = await model.trace(tokens.slice(row.start, row.start + row.n), { layers: [row.layer] });
    const attention = model.attention(row.layer);
    const alone = await localLipschitz(attention, trace.get(row.layer)!, {
      seed: deriveSeed(3, row.layer, row.n, row.sample),
    });
    attention.dispose();
    expect(row.error).toBeUndefined();
    expect(row.status).toBe(alone.status);
    expect(row.sigma! / alone.sigma).toBeCloseTo(1, 12);
    expect(row.upper! / alone.upper).toBeCloseTo(1, 9);
    expect(row.lower!).toBeLessThanOrEqual(row.upper!);
    expect(row.radius!).toBeLessThanOrEqual(Math.sqrt(24) * (1 + 1e-9));
  }
});

it("measures parts side by side, and the whole model, as model.part and model.blocks have them", async () => {
  const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
  onTestFinished(() => runtime.dispose());
  const model = await randomModel("gpt2", { runtime, layers: 3, width: 16, heads: 2, vocabulary: 60, context: 16 });
  onTestFinished(() => model.dispose());
  const tokens = Array.from({ length: 40 }, (_, i) => (i * 37) % 60);
  const of = ["model", "block", "feed-forward", "attention", "normed-attention"] as const;
  const options = { tokens, of, layers: [1, 2], lengths: [2, 7], samples: 1, seed: 3, runtime };
  const report = await sweep(model, options);
  const parts = ["attention", "normed-attention", "feed-forward", "block"];
  expect(report.rows.map(({ layer, part, n }) => [layer, part, n])).toEqual([
    ...[1, 2].flatMap((layer) => parts.flatMap((part) => [2, 7].map((n) => [layer, part, n]))),
    ...["model", "normed-model"].flatMap((part) => [2, 7].map((n) => [0, part, n])),
  ]);
  expect(new Set(report.rows.map(({ key }) => key)).size).toBe(report.rows.length);
  for (const row of report.rows) {
    const { layer, part } = row;
    const window = tokens.slice(row.start, row.start + row.n);
    const trace = await model.trace(window, { layers: [0, 1, 2], hidden: true });
    const whole = part === "model" || part === "normed-model";
    const measured = whole
      ? model.blocks(0, 3, { finalNorm: part === "normed-model" })
      : model.part(layer, part as "block");
    const read = { attention: trace, "feed-forward": trace.afterAttention } as Record<string, Map<number, Tensor>>;
    const x = (read[part] ?? trace.hidden).get(layer)!;
    const { sigma } = await localLipschitz(measured, x, { rtol: 1e-6 });
    const { data } = await measured.forward(x);
    measured.dispose();
    expect(row.error).toBeUndefined();
    expect(Math.abs(row.sigma! / sigma - 1), `${part} ${layer}`).toBeLessThan(1e-3);
    expect(row.lower!).toBeLessThanOrEqual(sigma * (1 + 1e-6));
    expect(row.upper!).toBeGreaterThanOrEqual(sigma * (1 - 1e-6));
    expect(row.relative! / ((row.sigma! * rms(x.data)) / rms(data))).toBeCloseTo(1, 6);
  }
});

it("refuses by name a part that a layer does not have, and heads of other parts", async () => {
  const runtime = await createRuntime({ device: "wasm" });
  onTestFinished(() => runtime.dispose());
  const model = await randomModel("bert", { runtime, layers: 2, width: 16, heads: 2, vocabulary: 60, context: 16 });
  const options = { tokens: [1, 2, 3, 4], layers: [0], lengths: [2], samples: 1 };
  await expect(sweep(model, { ...options, of: "normed-attention" })).rejects.toThrow(
    '"of": layer 0 of this bert model has no normed-attention; it has attention, feed-forward, block',
  );
  await expect(sweep(model, { ...options, of: ["block"], heads: true })).rejects.toThrow(/"heads": .* got \["block"\]/);
  await expect(sweep(model, { ...options, of: ["blocks" as "block"] })).rejects.toThrow(/"of\[0\]": expected one of/);
});

function rms(data: ArrayLike<number>): number {
  return Math.sqrt(Array.from(data).reduce((sum, value) => sum + value * value, 0) / data.length);
}
