// What a spec of attention may hold, and what is refused by name.
import { describe, expect, it } from "vitest";
import { tensor } from "../../../src/base/tensor.js";
import { biasAt, resolveBias } from "../../../src/layers/attention/bias.js";
import { resolveCrossMask, seenKeys } from "../../../src/layers/attention/mask.js";
import { anglesAt } from "../../../src/layers/attention/rope.js";
import { type AttentionSpec, resolveSpec } from "../../../src/layers/attention/spec.js";

const ones = (...shape: number[]) => tensor(new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
const base: AttentionSpec = {
  heads: 4,
  kvHeads: 2,
  query: { weight: ones(6, 16) },
  key: { weight: ones(6, 8) },
  value: { weight: ones(6, 6) },
};
const rms = (...shape: number[]) => ({ kind: "rms" as const, gain: ones(...shape), epsilon: 1e-6 });

describe("a spec", () => {
  it.each([
    ["a head's norm", { queryNorm: rms(4) }, 4],
    ["each head's own norm", { queryNorm: rms(4, 4) }, 4],
    ["a norm over the whole width", { queryNorm: rms(16) }, 16],
  ] as const)("has the statistics of %s taken over %s", (_, changes, span) => {
    const { queryNorm } = resolveSpec({ ...base, ...changes });
    expect(queryNorm?.span).toBe(span);
    expect(queryNorm?.gain.length).toBe(16);
  });

  const refused: [string, Partial<AttentionSpec>, string][] = [
    ["a norm of another width", { queryNorm: rms(5) }, '"spec.queryNorm.gain"'],
    ["a bias of an RMS norm", { keyNorm: { ...rms(4), bias: ones(4) } }, '"spec.keyNorm.bias"'],
    ["a cap that is not positive", { softcap: 0 }, '"spec.softcap"'],
    ["sinks of other heads", { sinks: ones(3) }, '"spec.sinks"'],
    ["a gate of another width", { gate: { weight: ones(6, 11) } }, '"spec.gate"'],
    ["slopes of other heads", { bias: { alibi: [1, 2] } }, '"spec.bias.alibi"'],
    ["a matrix that is not square", { bias: { matrix: ones(4, 3, 2) } }, '"spec.bias.matrix"'],
    [
      "a table with too near a limit",
      { bias: { table: ones(8, 4), maxDistance: 2, bidirectional: false } },
      "maxDistance",
    ],
    ["two biases at once", { bias: { alibi: true, matrix: ones(1, 2, 2) } as never }, '"spec.bias"'],
    ["more pairs than a head has", { rope: { base: 10, pairs: 3 } }, '"spec.rope.pairs"'],
    ["angles of more pairs than a head has", { rope: { angles: ones(5, 3) } }, '"spec.rope.angles"'],
    ["distances with rotary positions", { kind: "l2", rope: { base: 10 } }, '"spec.rope"'],
    ["distances with a norm", { kind: "l2", queryNorm: rms(4) }, '"spec.queryNorm"'],
    ["distances with a cap", { kind: "l2", softcap: 30 }, '"spec.softcap"'],
    ["distances with sinks", { kind: "l2", sinks: ones(4) }, '"spec.sinks"'],
  ];
  it.each(refused)("with %s is refused by name", (_, changes, name) => {
    expect(() => resolveSpec({ ...base, ...changes })).toThrow(name);
  });

  it("of distances may have a bias and a gate", () => {
    const spec = resolveSpec({ ...base, kind: "l2", bias: { alibi: true }, gate: { weight: ones(6, 12) } });
    expect(spec.gate?.dOut).toBe(12);
  });
});

describe("a bias of the scores", () => {
  const at = (heads: number, bias: AttentionSpec["bias"], n: number) => {
    const found = biasAt(resolveBias("bias", bias, heads), n);
    if (!("byDistance" in found)) throw new Error("by distance");
    return (h: number, i: number, j: number) => found.byDistance[h * (2 * n - 1) + n - 1 + i - j];
  };

  it("of 3 heads has the slopes of ALiBi for 2, and the first of those for 4", () => {
    const bias = at(3, { alibi: true }, 4);
    expect([0, 1, 2].map((h) => -bias(h, 3, 1) / 2)).toEqual([2 ** -4, 2 ** -8, 2 ** -2]);
    expect(bias(0, 1, 3)).toBe(bias(0, 3, 1));
  });

  it("by T5's table has a bucket a distance near by, and the last one for all that is far", () => {
    const table = tensor(
      Float64Array.from({ length: 8 }, (_, b) => b),
      [8, 1],
    );
    const causal = at(1, { table, maxDistance: 16, bidirectional: false }, 40);
    expect([0, 1, 2, 3, 4].map((d) => causal(0, 30, 30 - d))).toEqual([0, 1, 2, 3, 4]);
    expect([causal(0, 30, 5), causal(0, 3, 20)]).toEqual([7, 0]);
    const both = at(1, { table, maxDistance: 16, bidirectional: true }, 40);
    expect([both(0, 30, 29), both(0, 30, 31), both(0, 39, 0), both(0, 0, 39)]).toEqual([1, 5, 3, 7]);
  });

  it("as a matrix is of its own number of tokens", () => {
    const bias = resolveBias("bias", { matrix: ones(1, 3, 3) }, 2);
    expect(() => biasAt(bias, 4)).toThrow('"bias.matrix"');
  });
});

it("given angles are of at least as many tokens as are asked for", () => {
  const angles = { data: Float64Array.of(1, 2, 3, 4), n: 2, pairs: 2 };
  expect(anglesAt({ angles }, [1, 0])?.data).toEqual(Float64Array.of(3, 4, 1, 2));
  expect(() => anglesAt({ angles }, [0, 2])).toThrow('"rope.angles"');
});

describe("masks", () => {
  it("of two sequences let the first ask the second alone", () => {
    const mask = resolveCrossMask("causal", 2, 3, 4, 7);
    expect([...mask.lo]).toEqual([4, 4, 0, 0, 0, 0, 0]);
    expect([...mask.hi]).toEqual([5, 6, 0, 0, 0, 0, 0]);
    expect([...seenKeys(mask)]).toEqual([0, 0, 0, 0, 1, 1, 0]);
  });

  it("of two sequences may be any matrix of their lengths", () => {
    const allowed = Uint8Array.of(1, 0, 0, 0, 0, 1);
    const mask = resolveCrossMask({ allowed }, 2, 3, 4, 7);
    expect([...seenKeys(mask)]).toEqual([0, 0, 0, 0, 1, 0, 1]);
    expect(() => resolveCrossMask({ allowed }, 3, 3, 4, 7)).toThrow('"mask.allowed"');
  });
});
