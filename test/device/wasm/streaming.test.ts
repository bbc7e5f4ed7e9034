// Probabilities that are made again in every application give the same numbers, to the last bit, in less memory.

import { describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import { WasmRuntime } from "../../../src/device/wasm/runtime.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import type { AttentionSpec } from "../../../src/layers/attention/spec.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";

describe.each(["f32", "f64"] as const)("streamed scores in %s", (dtype) => {
  it.each([
    ["dot-product", 3, 3],
    ["dot-product", 4, 2],
    ["l2", 3, 3],
  ] as const)("%s attention of %i heads, %i of keys, is the same as with kept scores", async (kind, heads, kvHeads) => {
    const random = new Random(4);
    const gaussian = (rows: number, columns: number) =>
      tensor(random.fillGaussian(new Float64Array(rows * columns), 0.3), [rows, columns]);
    const n = 150;
    const spec: AttentionSpec = {
      kind,
      heads,
      kvHeads,
      query: { weight: gaussian(10, 4 * heads) },
      key: { weight: gaussian(10, 4 * kvHeads) },
      value: { weight: gaussian(10, 5 * kvHeads) },
      output: { weight: gaussian(5 * heads, 7) },
      mask: "causal",
    };
    const x = gaussian(n, 10);
    const u = gaussian(n, 10);
    const g = gaussian(n, 7);
    const results = [];
    for (const scoreBudget of [2 ** 28, 0]) {
      const runtime = await WasmRuntime.create({ requested: "wasm", dtype, scoreBudget });
      const layer = runtime.attention(spec);
      const before = runtime.heap.used;
      const at = await layer.linearize(x);
      const held = runtime.heap.used - before;
      const numbers = [
        at.output,
        await at.jvp(u),
        await at.vjp(g),
        await gradient(at, u, g),
        await layer.probabilities(x),
      ].map(({ data }) => data);
      at.dispose();
      results.push({ held, numbers, sigma: await localLipschitz(layer, x) });
      runtime.dispose();
    }
    const [kept, streamed] = results;
    expect(streamed.numbers).toEqual(kept.numbers);
    expect(streamed.sigma).toEqual(kept.sigma);
    expect(streamed.held).toBeLessThan(kept.held);
  });
});
