import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
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
