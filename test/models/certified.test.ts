// Parts and blocks of a model, whose layers are made when they are first used, end in f64 as single layers do.
import { expect, it } from "vitest";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel } from "../../src/models/load.js";

it("an f32 run on any part of a model, or on several blocks, has a lower end in f64", async () => {
  const runtime = await createRuntime({ device: "wasm" });
  const model = await loadModel("models/tiny", { runtime });
  const { hidden } = await model.trace(
    Array.from({ length: 12 }, (_, i) => 60 + i),
    { layers: [0], hidden: true },
  );
  const x = hidden?.get(0);
  if (!x) throw new Error("the trace has no hidden states");
  for (const what of ["normed-attention", "feed-forward", "block"] as const) {
    const part = model.part(0, what);
    const { certified, message, lower, sigma } = await localLipschitz(part, x);
    expect(certified, `${what}: ${message}`).toBe(true);
    expect(lower).toBeLessThanOrEqual(sigma);
    part.dispose();
  }
  const blocks = model.blocks(0, 2);
  expect((await localLipschitz(blocks, x)).certified).toBe(true);
  blocks.dispose();
  runtime.dispose();
});
