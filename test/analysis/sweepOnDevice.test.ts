// A sweep of a small random model, held against measuring its parts one by one.
import { expect, it, onTestFinished } from "vitest";
import { sweep } from "../../src/analysis/sweep.js";
import { deriveSeed } from "../../src/base/random.js";
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
