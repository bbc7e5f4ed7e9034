// Norms, activations and linear maps against the oracle's pieces of a block (MATH 3, 12).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import oracle from "../oracle/fixtures.json" with { type: "json" };
import { relativeError, tolerance } from "./close.js";
import { variantRuntime, variants } from "./variants.js";

const pieces = oracle.block_pieces;

function matrix(rows: number[][]) {
  return tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length]);
}

function vector(values: number[]) {
  return tensor(Float64Array.from(values), [values.length]);
}

describe.each(variants)("layers in $name", (variant) => {
  let runtime: Runtime;
  const limit = tolerance(variant.dtype, 0);
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it("layer norm and RMS norm agree with the oracle", async () => {
    const x = matrix(pieces.x);
    const gain = vector(pieces.gain);
    const layer = runtime.norm({ kind: "layer", gain, bias: vector(pieces.bias), epsilon: pieces.eps });
    const rms = runtime.norm({ kind: "rms", gain, epsilon: pieces.eps });
    expect(relativeError((await layer.forward(x)).data, pieces.layernorm.y.flat())).toBeLessThan(limit);
    expect(relativeError((await rms.forward(x)).data, pieces.rmsnorm.y.flat())).toBeLessThan(limit);
    layer.dispose();
    rms.dispose();
  });

  it.each([
    ["gelu", "gelu_erf"],
    ["gelu-tanh", "gelu_tanh"],
    ["silu", "silu"],
  ] as const)("%s agrees with the oracle", async (kind, key) => {
    const got = await runtime.activate(kind, vector(pieces.t));
    expect(relativeError(got.data, pieces[key])).toBeLessThan(limit);
  });

  it("a linear map agrees with plain sums on ragged shapes, with and without a bias", async () => {
    const random = new Random(1);
    for (const [n, dIn, dOut] of [
      [1, 1, 1],
      [2, 7, 13],
      [19, 33, 5],
      [7, 1030, 9],
    ]) {
      const x = tensor(new Float64Array(n * dIn), [n, dIn]);
      const weight = tensor(new Float64Array(dIn * dOut), [dIn, dOut]);
      const bias = tensor(new Float64Array(dOut), [dOut]);
      for (const { data } of [x, weight, bias]) random.fillGaussian(data, 1);
      for (const b of [undefined, bias]) {
        const want = new Float64Array(n * dOut);
        for (let i = 0; i < n; i++) {
          for (let c = 0; c < dOut; c++) {
            let sum = b ? b.data[c] : 0;
            for (let e = 0; e < dIn; e++) sum += x.data[i * dIn + e] * weight.data[e * dOut + c];
            want[i * dOut + c] = sum;
          }
        }
        const linear = runtime.linear({ weight, bias: b });
        expect(relativeError((await linear.forward(x)).data, want)).toBeLessThan(limit);
        linear.dispose();
      }
    }
  });
});
