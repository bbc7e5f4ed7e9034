// What never enters the Jacobian never enters the host's primal (docs/theory.md, section 2.7).
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { upperBound } from "../../src/jacobian/upperBound.js";
import { type HostPrimal, hostPrimal } from "../../src/layers/attention/hostPrimal.js";
import { type Modifier, onHost } from "../../src/layers/attention/modifiers.js";
import { type AttentionSpec, resolveSpec } from "../../src/layers/attention/spec.js";
import { product } from "../../src/linalg/dense.js";
import { normAbove } from "../../src/linalg/gram.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { dense } from "./dense.js";

/** All that the host covers. */
const covered: Modifier[] = ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks"];

const at = (spec: AttentionSpec, x: ArrayLike<number>) => hostPrimal(resolveSpec(spec), x);

/** What derivatives are made of: P, v_j − o_i, and the slopes of the scores. */
function differences(primal: HostPrimal): number[] {
  const { n, spec, heads } = primal;
  const all: number[] = [];
  const slope = new Float64Array(spec.dHead);
  for (const head of heads) {
    all.push(...head.p);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (head.p[i * n + j] === 0) continue;
        for (let c = 0; c < spec.dValue; c++) all.push(head.v[j * spec.dValue + c] - head.o[i * spec.dValue + c]);
        primal.keySlope(head, i, j, slope);
        all.push(...slope);
      }
    }
  }
  return all;
}

function compare(got: number[], want: number[], limit: number): void {
  expect(got.length).toBe(want.length);
  const size = Math.max(1, ...want.map(Math.abs));
  for (const [index, value] of want.entries()) expect(Math.abs(got[index] - value)).toBeLessThanOrEqual(limit * size);
}

const shifted = (linear: AttentionSpec["value"], by: number): AttentionSpec["value"] => {
  const shape = "shape" in linear.weight ? linear.weight.shape : linear.weight.dims;
  return { ...linear, bias: { data: new Float64Array(shape[1]).fill(by), shape: [shape[1]] } };
};

it.each(["dot-product", "l2"] as const)("a value bias changes nothing of %s attention, to the last bit", (kind) => {
  fc.assert(
    fc.property(attentionCases({ kind, maxTokens: 6, maxWidth: 6 }), ({ spec, x }) => {
      const biased = { ...spec, value: shifted(spec.value, 1e9) };
      expect(differences(at(biased, x.data))).toEqual(differences(at(spec, x.data)));
    }),
    { numRuns: 50, seed: 1 },
  );
});

it("a key bias changes nothing of dot products without rotary positions, to the last bit", () => {
  fc.assert(
    fc.property(attentionCases({ maxTokens: 6, maxWidth: 6 }), ({ spec, x }) => {
      fc.pre(spec.rope === undefined);
      const biased = { ...spec, key: shifted(spec.key as AttentionSpec["value"], 1e9) };
      expect(differences(at(biased, x.data))).toEqual(differences(at(spec, x.data)));
    }),
    { numRuns: 100, seed: 2 },
  );
});

it("an offset of all tokens costs tied L2 attention no digits but those of the tokens themselves", () => {
  fc.assert(
    fc.property(attentionCases({ kind: "l2", maxTokens: 6, maxWidth: 6 }), ({ spec, x }) => {
      fc.pre(spec.key === undefined && !spec.tiedValue);
      const grid = x.data.map((entry) => Math.round(entry * 2 ** 20) / 2 ** 20);
      const far = grid.map((entry) => entry + 2 ** 20);
      compare(differences(at(spec, far)), differences(at(spec, grid)), 1e-9);
    }),
    { numRuns: 100, seed: 3 },
  );
});

it("probabilities, and values up to a shift, are those of the layer as it is defined", () => {
  fc.assert(
    fc.property(
      fc
        .constantFrom<"dot-product" | "l2">("dot-product", "l2")
        .chain((kind) => attentionCases({ kind, maxTokens: 7 })),
      ({ spec, x, n }) => {
        const { probabilities } = referenceAttention(spec, x);
        const p = at(spec, x.data).heads.flatMap((head) => [...head.p]);
        for (const [index, want] of probabilities.data.entries()) expect(p[index]).toBeCloseTo(want, 10);
        expect(p.length).toBe(spec.heads * n * n);
      },
    ),
    { numRuns: 100, seed: 4 },
  );
});

it("values that are all alike bound sigma by zero, whatever their bias", async () => {
  const zero = { data: new Float64Array(16), shape: [4, 4] };
  const some = { data: Float64Array.from({ length: 16 }, (_, c) => Math.sin(c)), shape: [4, 4] };
  const value = shifted({ weight: zero }, 1e8);
  const spec = { heads: 2, query: { weight: some }, key: { weight: some }, value, output: { weight: some } };
  const { value: bound } = await upperBound(at(spec, some.data), {});
  expect(bound).toBe(0);
});

const modifiers: Modifier[][] = [
  [],
  ["angles"],
  ["queryNorm"],
  ["keyNorm"],
  ["softcap"],
  ["bias"],
  ["sinks"],
  [...covered],
];

describe.each(modifiers.map((names) => ({ names })))("with $names", ({ names }) => {
  it("blocks make up the Jacobian of plain loops", () => {
    let cases = 0;
    fc.assert(
      fc.property(attentionCases({ maxTokens: 6, maxWidth: 8, modifiers: names }), ({ spec, x, u, n, dIn, dOut }) => {
        const resolved = resolveSpec(spec);
        fc.pre(onHost(resolved));
        cases++;
        const primal = hostPrimal(resolved, x.data);
        const image = product(dense(primal), u.data, n * dOut, n * dIn, 1);
        compare([...image], [...referenceAttention(spec, x).jvp(u).data], 1e-9);
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(cases).toBeGreaterThan(10);
  });

  it("certified bounds are at least sigma", async () => {
    await fc.assert(
      fc.asyncProperty(attentionCases({ maxTokens: 5, maxWidth: 7, modifiers: names }), async (drawn) => {
        const { spec, x, n, dIn, dOut } = drawn;
        const resolved = resolveSpec(spec);
        fc.pre(onHost(resolved));
        const primal = hostPrimal(resolved, x.data);
        const sigma = normAbove(dense(primal), n * dOut, n * dIn);
        const { bounds } = await upperBound(primal, {});
        for (const [name, bound] of Object.entries(bounds)) {
          if (!/^T/.test(name)) expect(bound, name).toBeGreaterThanOrEqual(sigma * (1 - 1e-10));
        }
      }),
      { numRuns: 40, seed: 6 },
    );
  });
});

it("refuses by name what it does not cover: output gates, and norms across heads", () => {
  fc.assert(
    fc.property(attentionCases({ modifiers: ["gate"] }), ({ spec, x }) => {
      expect(() => at(spec, x.data)).toThrow(
        /"spec.gate": expected none, since attention's blocks and certified bounds/,
      );
    }),
    { numRuns: 5, seed: 7 },
  );
  const weight = { data: new Float64Array(16).fill(0.5), shape: [4, 4] };
  const gain = { data: new Float64Array(4).fill(1), shape: [4] };
  const queryNorm = { kind: "rms" as const, gain, epsilon: 1e-6 };
  const spec = { heads: 2, query: { weight }, key: { weight }, value: { weight }, queryNorm };
  expect(() => at(spec, new Float64Array(8))).toThrow(/"spec.queryNorm": expected statistics of each head alone/);
});
