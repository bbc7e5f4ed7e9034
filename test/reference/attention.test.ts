import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { Modifier } from "../../src/layers/attention/modifiers.js";
import { type AttentionSpec, resolveSpec } from "../../src/layers/attention/spec.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "./arbitraries.js";
import { referenceAttention } from "./attention.js";

describe.each(loadFixtures())("the reference on the oracle's $name", ({ spec, x, u, g, expected }) => {
  const layer = referenceAttention(spec, x);

  it("has its output and probabilities", () => {
    expectClose(layer.output, expected.output);
    expectClose(layer.probabilities, expected.probabilities);
  });

  it("has its jvp and vjp", () => {
    expectClose(layer.jvp(u), expected.jvp);
    expectClose(layer.vjp(g), expected.vjp);
  });

  it("has its dense Jacobian", () => {
    const columns = x.data.length;
    for (let column = 0; column < columns; column++) {
      const basis = tensor(new Float64Array(columns), x.shape);
      basis.data[column] = 1;
      const wanted = expected.jacobian.data.filter((_, at) => at % columns === column) as Float64Array;
      expectClose(layer.jvp(basis), tensor(wanted, expected.output.shape), norm(expected.jacobian));
    }
  });
});

it.each(["dot-product", "l2"] as const)("⟨J u, g⟩ = ⟨u, Jᵀ g⟩ for random %s layers", (kind) => {
  fc.assert(
    fc.property(attentionCases({ kind }), ({ spec, x, u, g, n, dIn, dOut }) => {
      const layer = referenceAttention(spec, x);
      const image = layer.jvp(u);
      const pulled = layer.vjp(g);
      expect(image.shape).toEqual([n, dOut]);
      expect(pulled.shape).toEqual([n, dIn]);
      const size = norm(image) * norm(g) + norm(u) * norm(pulled);
      expect(Math.abs(inner(image, g) - inner(u, pulled))).toBeLessThanOrEqual(1e-12 * size);
    }),
    { numRuns: 100, seed: 1 },
  );
});

it.each(["dot-product", "l2"] as const)("jvp is the derivative of the output of random %s layers", (kind) => {
  fc.assert(
    fc.property(attentionCases({ kind, maxTokens: 8, maxWidth: 8 }), ({ spec, x, u }) => {
      const step = 1e-5;
      const moved = (by: number) => tensor(x.data.map((entry, i) => entry + by * u.data[i]) as Float64Array, x.shape);
      const ahead = referenceAttention(spec, moved(step)).output;
      const behind = referenceAttention(spec, moved(-step)).output;
      const slope = tensor(
        Float64Array.from(ahead.data, (y, i) => (y - behind.data[i]) / (2 * step)),
        ahead.shape,
      );
      const image = referenceAttention(spec, x).jvp(u);
      expectClose(slope, image, 1e4 * (1 + norm(image)));
    }),
    { numRuns: 50, seed: 1 },
  );
});

const mechanisms: Modifier[][] = [
  ...(["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"] as const).map((name) => [name]),
  ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"],
];

describe.each(mechanisms.map((modifiers) => ({ modifiers })))("attention with $modifiers", ({ modifiers }) => {
  const cases = attentionCases({ modifiers, maxTokens: 9, maxWidth: 9, maxHeads: 3 });

  it("has a vjp that is the adjoint of its jvp", () => {
    fc.assert(
      fc.property(cases, ({ spec, x, u, g }) => {
        const layer = referenceAttention(spec, x);
        const [image, pulled] = [layer.jvp(u), layer.vjp(g)];
        const size = norm(image) * norm(g) + norm(u) * norm(pulled);
        expect(Math.abs(inner(image, g) - inner(u, pulled))).toBeLessThanOrEqual(1e-12 * size);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it("has a jvp that is the derivative of its output", () => {
    fc.assert(
      fc.property(cases, ({ spec, x, u }) => {
        const step = 1e-5;
        const moved = (by: number) => tensor(x.data.map((entry, i) => entry + by * u.data[i]) as Float64Array, x.shape);
        const ahead = referenceAttention(spec, moved(step)).output;
        const behind = referenceAttention(spec, moved(-step)).output;
        const slope = Float64Array.from(ahead.data, (y, i) => (y - behind.data[i]) / (2 * step));
        const image = referenceAttention(spec, x).jvp(u);
        expectClose(tensor(slope, ahead.shape), image, 1e4 * (1 + norm(image)));
      }),
      { numRuns: 40, seed: 3 },
    );
  });
});

it("neighbours that turn are pairs that turn, in another order", () => {
  const cases = attentionCases({ modifiers: ["queryNorm", "keyNorm"], maxTokens: 9, maxWidth: 9 });
  fc.assert(
    fc.property(cases, ({ spec, x, u }) => {
      const dHead = (spec.query.weight.data.length / x.shape[1] / spec.heads) as number;
      if (dHead < 2) return;
      const rope = { base: 50, pairs: Math.floor(dHead / 2), interleaved: true };
      const neighbours = referenceAttention({ ...spec, rope }, x);
      const { query, key, frequencies, queryNorm, keyNorm } = resolveSpec({ ...spec, rope });
      const whole = (norm: typeof queryNorm, own: AttentionSpec["queryNorm"], heads: number) =>
        norm &&
        own && {
          ...own,
          gain: tensor(norm.gain, norm.span === dHead ? [heads, dHead] : [heads * dHead]),
          ...(norm.bias ? { bias: tensor(norm.bias, [heads * dHead]) } : {}),
        };
      const linear = (map: typeof query) => ({
        weight: tensor(map.weight, [map.dIn, map.dOut]),
        ...(map.bias ? { bias: tensor(map.bias, [map.dOut]) } : {}),
      });
      const pairs = referenceAttention(
        {
          ...spec,
          query: linear(query),
          key: linear(key),
          queryNorm: whole(queryNorm, spec.queryNorm, spec.heads),
          keyNorm: whole(keyNorm, spec.keyNorm, spec.kvHeads ?? spec.heads),
          rope: { frequencies: Array.from(frequencies ?? []) },
        },
        x,
      );
      expectClose(pairs.output, neighbours.output);
      expectClose(pairs.jvp(u), neighbours.jvp(u), 1 + norm(neighbours.jvp(u)));
    }),
    { numRuns: 40, seed: 4 },
  );
});

/** Within 1e-9 of the size of the whole, or of `size`. */
function expectClose(actual: Tensor, expected: Tensor, size = norm(expected)): void {
  expect(actual.shape).toEqual(expected.shape);
  const difference = Float64Array.from(actual.data, (entry, i) => entry - expected.data[i]);
  expect(norm(tensor(difference, actual.shape))).toBeLessThanOrEqual(1e-9 * size);
}

function inner(a: Tensor, b: Tensor): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += a.data[i] * b.data[i];
  return sum;
}

function norm(a: Tensor): number {
  return Math.sqrt(inner(a, a));
}
