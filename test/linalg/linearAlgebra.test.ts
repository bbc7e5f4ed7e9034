import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { bidiagonalForm, hessenbergForm, triangularFactor } from "../../src/linalg/householder.js";
import { apply, type Matrix, product, productTransposed, transposed } from "../../src/linalg/matrix.js";
import { matrixNorm, matrixNormAbove, productNormAbove } from "../../src/linalg/matrixNorm.js";
import { eigenvector, realEigenvalues } from "../../src/linalg/realEigen.js";
import { norm } from "../../src/linalg/vector.js";
import { gaussianMatrix, matrixFrom } from "../bounds/matrices.js";
import { withSpectrum } from "../spectral/operators.js";

const shapes = [
  [1, 1],
  [1, 5],
  [5, 1],
  [4, 4],
  [9, 3],
  [3, 9],
  [40, 25],
] as const;

describe("triangularFactor(M)", () => {
  it.each(shapes)("has the Gram matrix of M, %d × %d", (rows, columns) => {
    const M = gaussianMatrix(rows, columns, rows + columns);
    const R = triangularFactor(M);
    const gram = product(transposed(M), M);
    product(transposed(R), R).data.forEach((entry, i) => {
      expect(entry).toBeCloseTo(gram.data[i], 11);
    });
  });
});

describe("bidiagonalForm(M)", () => {
  it.each(shapes)("has the Frobenius norm of M, %d × %d", (rows, columns) => {
    const M = gaussianMatrix(rows, columns, 7);
    const { alphas, betas } = bidiagonalForm(M);
    expect(norm([...alphas, ...betas])).toBeCloseTo(norm(M.data), 11);
  });
});

describe("hessenbergForm(M)", () => {
  it("is zero below the subdiagonal, with the trace of M and of M²", () => {
    const M = gaussianMatrix(8, 8, 3);
    const H = hessenbergForm(M);
    for (let i = 2; i < 8; i++) for (let j = 0; j < i - 1; j++) expect(H.data[i * 8 + j]).toBe(0);
    expect(trace(H)).toBeCloseTo(trace(M), 12);
    expect(trace(product(H, H))).toBeCloseTo(trace(product(M, M)), 11);
  });
});

describe("matrixNorm(M)", () => {
  it.each(shapes)("is the largest of a chosen spectrum, %d × %d", (rows, columns) => {
    const values = Array.from({ length: Math.min(rows, columns) }, (_, i) => 3 / (1 + i));
    const { data } = withSpectrum(values, rows, columns, 5);
    const M = { rows, columns, data: Float64Array.from(data) };
    expect(matrixNorm(M)).toBeCloseTo(3, 12);
    expect(matrixNormAbove(M)).toBeGreaterThanOrEqual(3 - 1e-15);
    expect(matrixNormAbove(M)).toBeLessThan(3 + 1e-12);
  });

  it.each([1e-200, 1e200])("holds at scale %d", (scale) => {
    expect(
      matrixNorm(
        matrixFrom([
          [3 * scale, 0],
          [4 * scale, 0],
        ]),
      ) / scale,
    ).toBeCloseTo(5, 12);
  });

  it("is zero for a zero matrix", () => {
    expect(matrixNormAbove(matrixFrom([[0, 0]]))).toBe(0);
  });
});

describe("productNormAbove(L, R)", () => {
  it.each(shapes)("is the norm of L·Rᵀ, %d × %d", (rows, columns) => {
    const L = gaussianMatrix(rows, columns, 1);
    const R = gaussianMatrix(rows + 2, columns, 2);
    const truth = matrixNorm(productTransposed(L, R));
    expect(productNormAbove(L, R) / truth).toBeGreaterThanOrEqual(1 - 1e-15);
    expect(productNormAbove(L, R) / truth).toBeLessThan(1 + 1e-11);
  });
});

describe("realEigenvalues(M)", () => {
  it.each([
    [
      "a diagonal matrix",
      [
        [2, 0],
        [0, -3],
      ],
      [-3, 2],
    ],
    [
      "a rotation",
      [
        [0, -1],
        [1, 0],
      ],
      [],
    ],
    [
      "a nilpotent matrix",
      [
        [0, 1],
        [0, 0],
      ],
      [0, 0],
    ],
    [
      "one real among three",
      [
        [0, -1, 0],
        [1, 0, 0],
        [0, 0, 5],
      ],
      [5],
    ],
    [
      "a companion matrix of (x − 1)(x − 2)(x − 3)",
      [
        [6, -11, 6],
        [1, 0, 0],
        [0, 1, 0],
      ],
      [1, 2, 3],
    ],
    [
      "a permutation that no unshifted iteration moves",
      [
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
      ],
      [1],
    ],
    ["one entry", [[7]], [7]],
    [
      "zero",
      [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ],
      [0, 0, 0],
    ],
  ])("of %s", (_, rows, expected) => {
    const found = realEigenvalues(matrixFrom(rows)).sort((a, b) => a - b);
    expect(found).toHaveLength(expected.length);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12);
    });
  });

  it("finds those of S·diag·S⁻¹ with complex pairs mixed in, up to 40 wide", () => {
    for (const size of [3, 6, 17, 40]) {
      const reals = Array.from({ length: size - 2 * Math.floor(size / 3) }, (_, i) => (i % 2 ? -1 : 1) * (1 + i));
      const M = similar(reals, Math.floor(size / 3), size);
      const found = realEigenvalues(M).sort((a, b) => a - b);
      expect(found).toHaveLength(reals.length);
      reals
        .sort((a, b) => a - b)
        .forEach((value, i) => {
          expect(found[i]).toBeCloseTo(value, 8);
        });
    }
  });

  it("sums, with their complex pairs, to the trace: every found value has an eigenvector", () => {
    for (let seed = 0; seed < 20; seed++) {
      const M = gaussianMatrix(12, 12, seed);
      for (const value of realEigenvalues(M)) {
        const { vector, residual } = eigenvector(M, value);
        expect(norm(vector)).toBeCloseTo(1, 13);
        expect(residual).toBeLessThan(1e-11 * norm(M.data));
        const image = apply(M, vector);
        image.forEach((entry, i) => {
          expect(entry).toBeCloseTo(value * vector[i], 9);
        });
      }
    }
  });

  it("has at least one value of a matrix of odd size", () => {
    for (let seed = 0; seed < 20; seed++) expect(realEigenvalues(gaussianMatrix(7, 7, seed)).length % 2).toBe(1);
  });
});

/** Householder-conjugated block diagonal with the real values and `pairs` rotations, then sheared. */
function similar(reals: readonly number[], pairs: number, size: number): Matrix {
  const M = { rows: size, columns: size, data: new Float64Array(size * size) };
  reals.forEach((value, i) => {
    M.data[i * size + i] = value;
  });
  for (let p = 0; p < pairs; p++) {
    const at = reals.length + 2 * p;
    M.data[at * size + at] = M.data[(at + 1) * size + at + 1] = 0.5 * p;
    M.data[at * size + at + 1] = -(1 + p);
    M.data[(at + 1) * size + at] = 1 + p;
  }
  const random = new Random(size);
  const shear = 0.3;
  const S = { rows: size, columns: size, data: new Float64Array(size * size) };
  const inverse = { rows: size, columns: size, data: new Float64Array(size * size) };
  const v = random.fillGaussian(new Float64Array(size));
  const w = random.fillGaussian(new Float64Array(size));
  const vw = v.reduce((sum, entry, i) => sum + entry * w[i], 0);
  const factor = shear / Math.max(1, Math.abs(vw));
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const rankOne = factor * v[i] * w[j];
      S.data[i * size + j] = (i === j ? 1 : 0) + rankOne;
      inverse.data[i * size + j] = (i === j ? 1 : 0) - rankOne / (1 + factor * vw);
    }
  }
  return product(product(S, M), inverse);
}

function trace({ columns, data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < columns; i++) sum += data[i * columns + i];
  return sum;
}
