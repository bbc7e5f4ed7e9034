// The oracle's fixtures (MATH 12) as layers in the terms of the public API.
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import stored from "./fixtures.json" with { type: "json" };

export interface Fixture {
  name: string;
  spec: AttentionSpec;
  n: number;
  dIn: number;
  dOut: number;
  /** [n, dIn] */
  x: Tensor;
  /** A direction [n, dIn] and a cotangent [n, dOut]. */
  u: Tensor;
  g: Tensor;
  expected: {
    output: Tensor;
    /** [heads, n, n] */
    probabilities: Tensor;
    /** J u, Jᵀ g, and the gradient of ⟨g, J(x) u⟩ in x. */
    jvp: Tensor;
    vjp: Tensor;
    gradient: Tensor;
    /** Leading singular values of J, at most 6, in descending order. */
    sigma: number[];
    normFrobenius: number;
    normInfinity: number;
    normOne: number;
    /** Of sigma[0] in x, where it is well separated. */
    sigmaGradient?: Tensor;
    /** The dense Jacobian [n·dOut, n·dIn]. */
    jacobian: Tensor;
    bounds: Record<string, number>;
  };
}

type Matrix = number[][];

interface StoredCase {
  name: string;
  n: number;
  d_in: number;
  d_out: number;
  layer: {
    kind: "dot" | "l2";
    H: number;
    Hkv: number;
    scale: number;
    value: "plain" | "kim";
    tied: boolean;
    rope_base: number | null;
    mask: Matrix;
  } & Record<"WQ" | "WK" | "WV" | "WO", Matrix> &
    Record<"bQ" | "bK" | "bV" | "bO", number[]>;
  X: Matrix;
  U: Matrix;
  G: Matrix;
  expected: {
    Y: Matrix;
    P: Matrix[];
    jvp: Matrix;
    vjp: Matrix;
    grad_GJU: Matrix;
    sigma: number[];
    norm_fro: number;
    norm_inf: number;
    norm_1: number;
    grad_sigma_max?: Matrix;
    J: Matrix;
    bounds: Record<string, number>;
  };
}

/** All attention layers of the oracle, dot-product and l2. */
export function loadFixtures(): Fixture[] {
  return (stored as unknown as { cases: StoredCase[] }).cases.map(fixture);
}

function fixture({ name, n, d_in: dIn, d_out: dOut, layer, X, U, G, expected }: StoredCase): Fixture {
  return {
    name,
    spec: specOf(layer),
    n,
    dIn,
    dOut,
    x: matrix(X),
    u: matrix(U),
    g: matrix(G),
    expected: {
      output: matrix(expected.Y),
      probabilities: tensor(Float64Array.from(expected.P.flat(2)), [layer.H, n, n]),
      jvp: matrix(expected.jvp),
      vjp: matrix(expected.vjp),
      gradient: matrix(expected.grad_GJU),
      sigma: expected.sigma,
      normFrobenius: expected.norm_fro,
      normInfinity: expected.norm_inf,
      normOne: expected.norm_1,
      sigmaGradient: expected.grad_sigma_max && matrix(expected.grad_sigma_max),
      jacobian: matrix(expected.J),
      bounds: expected.bounds,
    },
  };
}

function specOf(layer: StoredCase["layer"]): AttentionSpec {
  const linear = (weight: Matrix, bias: number[]) => ({
    weight: matrix(weight),
    bias: bias.some((entry) => entry !== 0) ? vector(bias) : undefined,
  });
  return {
    kind: layer.kind === "l2" ? "l2" : "dot-product",
    heads: layer.H,
    kvHeads: layer.Hkv,
    query: linear(layer.WQ, layer.bQ),
    key: layer.tied ? undefined : linear(layer.WK, layer.bK),
    value: linear(layer.WV, layer.bV),
    output: linear(layer.WO, layer.bO),
    tiedValue: layer.value === "kim",
    scale: layer.scale,
    mask: { allowed: Uint8Array.from(layer.mask.flat()) },
    rope: layer.rope_base === null ? undefined : { base: layer.rope_base },
  };
}

function matrix(rows: Matrix): Tensor {
  return tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length]);
}

function vector(entries: number[]): Tensor {
  return tensor(Float64Array.from(entries), [entries.length]);
}
