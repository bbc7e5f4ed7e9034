// What only L2 attention promises: distances that do not cancel, and tied maps (MATH 2.6; Kim et al. 2021).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { createRuntime, type Runtime } from "../../src/measure/createRuntime.js";
import { referenceAttention } from "../reference/attention.js";
import { relativeError } from "./close.js";
import { variantRuntime, variants } from "./variants.js";

const random = new Random(17);

function gaussian(rows: number, columns: number, std = 1) {
  return tensor(random.fillGaussian(new Float64Array(rows * columns), std), [rows, columns]);
}

const spec: AttentionSpec = {
  kind: "l2",
  heads: 2,
  query: { weight: gaussian(6, 8, 0.4) },
  value: { weight: gaussian(6, 6, 0.4) },
  output: { weight: gaussian(6, 5, 0.4) },
  tiedValue: true,
};

describe.each(variants)("l2 attention in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it("keeps its digits for tokens far from the origin and close to each other", async () => {
    const n = 13;
    const offset = gaussian(1, 6, 1000);
    // On a grid that f32 holds exactly, so that only the layer's own arithmetic is tested.
    const x = tensor(new Float64Array(n * 6), [n, 6]);
    for (let at = 0; at < x.data.length; at++) {
      x.data[at] = Math.round(1024 * (offset.data[at % 6] + Math.sin(at * at))) / 1024;
    }
    const rounded: AttentionSpec = {
      ...spec,
      query: { weight: onGrid(spec.query.weight.data, [6, 8]) },
      tiedValue: false,
    };
    const [u, v] = [gaussian(n, 6), gaussian(n, 5)];
    const reference = referenceAttention(rounded, x);
    const layer = runtime.attention(rounded);
    const at = await layer.linearize(x);
    // q and k are rounded at their own size, some 1000 times the distances: that much of f32 is lost, and no more.
    const limit = variant.dtype === "f64" ? 1e-9 : 2e-3;
    expect(relativeError((await layer.probabilities(x)).data, reference.probabilities.data)).toBeLessThan(limit);
    expect(relativeError((await at.jvp(u)).data, reference.jvp(u).data)).toBeLessThan(limit * 5);
    expect(relativeError((await at.vjp(v)).data, reference.vjp(v).data)).toBeLessThan(limit * 5);
    at.dispose();
    layer.dispose();
  });

  it("takes negative and zero scales", async () => {
    const x = gaussian(9, 6);
    const u = gaussian(9, 6);
    for (const scale of [-0.2, 0]) {
      const reference = referenceAttention({ ...spec, scale }, x);
      const layer = runtime.attention({ ...spec, scale });
      const at = await layer.linearize(x);
      expect(relativeError(at.output.data, reference.output.data)).toBeLessThan(1e-4);
      expect(relativeError((await at.jvp(u)).data, reference.jvp(u).data)).toBeLessThan(1e-4);
      at.dispose();
      layer.dispose();
    }
  });
});

function onGrid(data: ArrayLike<number>, shape: number[]) {
  return tensor(
    Float64Array.from(data, (entry) => Math.round(entry * 64) / 64),
    shape,
  );
}

describe("the specification of l2 attention refuses", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createRuntime({ device: "wasm" });
  });
  afterAll(() => runtime.dispose());

  const bias = tensor(new Float64Array(8), [8]);
  const key = { weight: gaussian(6, 8) };
  const refused: [string, Partial<AttentionSpec>, RegExp][] = [
    ["rotary positions", { rope: { base: 100 } }, /"spec\.rope": expected none for kind "l2"/],
    ["a tied key of fewer heads", { kvHeads: 1, tiedValue: false }, /"spec\.kvHeads": expected heads = 2/],
    ["a tied value beside a key", { key }, /"spec\.tiedValue": expected a tied key/],
    [
      "a tied value of a biased query",
      { query: { ...spec.query, bias } },
      /"spec\.tiedValue": expected a query without a bias/,
    ],
    ["a tied value of dot-product attention", { kind: "dot-product", key }, /"spec\.tiedValue": expected kind "l2"/],
  ];
  it.each(refused)("%s", (_, change, message) => {
    expect(() => runtime.attention({ ...spec, ...change })).toThrow(RangeError);
    expect(() => runtime.attention({ ...spec, ...change })).toThrow(message);
  });

  it("a dot-product layer without a key, and a tiedValue that is no boolean, by kind", () => {
    expect(() => runtime.attention({ ...spec, kind: "dot-product", tiedValue: false })).toThrow(TypeError);
    expect(() => runtime.attention({ ...spec, tiedValue: "yes" as unknown as boolean })).toThrow(TypeError);
  });
});
