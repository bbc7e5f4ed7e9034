// Shortening a Lanczos basis without losing what it has found: thick restart (Wu and Simon 2000), which in exact
// arithmetic is the implicit restart of Sorensen (1992) with the discarded Ritz values as shifts.
import { dot, norm } from "../linalg/vector.js";

/** The projection of a symmetric matrix on a Lanczos basis; the last off-diagonal entry leads out of it. */
export interface Tridiagonal {
  readonly diagonal: readonly number[];
  readonly offDiagonal: readonly number[];
}

export interface ThickRestart {
  /** The same for the shorter basis, tridiagonal again. */
  projection: { diagonal: number[]; offDiagonal: number[] };
  /** The Ritz values that were let go. */
  discarded: number[];
  /** g of length √2 each: V ← V(I − g gᵀ), one after the other, brings the shorter basis to V's first columns. */
  reflections: Float64Array[];
}

/**
 * Keeps the `kept` largest Ritz values. The new basis spans their Ritz vectors, turned so that only the last of it is
 * coupled to the vector that leads out, which stays as it is: Lanczos goes on from there by its three-term recurrence.
 */
export function thickRestart({ diagonal, offDiagonal }: Tridiagonal, kept: number): ThickRestart {
  const size = diagonal.length;
  const { values, vectors } = eigenSystem(diagonal, offDiagonal);
  const out = offDiagonal[size - 1];
  const basis = vectors.slice(0, kept);
  const matrix = basis.map((_, i) => Float64Array.from(basis, (_, j) => (i === j ? values[i] : 0)));
  let coupling = Float64Array.from(basis, (vector) => out * vector[size - 1]);
  const couplings = new Array<number>(kept).fill(0);
  // From the bottom row up, each row is reflected onto its last entry, so that the rows below keep theirs.
  for (let last = kept - 1; last >= 0; last--) {
    couplings[last] = norm(coupling);
    const g = reflection(coupling, last);
    if (g) {
      reflectRows(matrix, g);
      for (const row of matrix) reflect(row, g);
      reflectRows(basis, g);
    }
    coupling = matrix[last].slice(0, last);
  }
  return {
    projection: { diagonal: matrix.map((row, i) => row[i]), offDiagonal: couplings },
    discarded: [...values.slice(kept)],
    reflections: reflectionsOf(basis),
  };
}

/** g of length √2 with x − g⟨g, x⟩ = ‖x‖·e_at, for x that may be shorter than what it will act on; none where x is that. */
function reflection(x: Float64Array, at: number): Float64Array | undefined {
  const length = norm(x);
  const others = norm(x.map((entry, i) => (i === at ? 0 : entry)));
  if (others === 0 && x[at] >= 0) return undefined;
  const g = x.map((entry) => entry / length);
  const rest = others / length;
  // x_at − ‖x‖ without cancellation.
  g[at] = g[at] > 0 ? (-rest * rest) / (1 + g[at]) : g[at] - 1;
  const factor = Math.SQRT2 / norm(g);
  return g.map((entry) => entry * factor);
}

/** x ← x − g⟨g, x⟩ on the first entries of x, as many as g has. */
function reflect(x: Float64Array, g: Float64Array): void {
  const inner = dot(g, x);
  for (let i = 0; i < g.length; i++) x[i] -= inner * g[i];
}

/** The same across rows: row i ← row i − g_i·Σ_j g_j row j. */
function reflectRows(rows: readonly Float64Array[], g: Float64Array): void {
  for (let c = 0; c < rows[0].length; c++) {
    let inner = 0;
    for (let i = 0; i < g.length; i++) inner += g[i] * rows[i][c];
    for (let i = 0; i < g.length; i++) rows[i][c] -= inner * g[i];
  }
}

/** Householder's reflections that take orthonormal rows to the first unit vectors, in order; overwrites them. */
function reflectionsOf(rows: readonly Float64Array[]): Float64Array[] {
  const reflections: Float64Array[] = [];
  for (const [i, row] of rows.entries()) {
    const g = reflection(
      row.map((entry, c) => (c < i ? 0 : entry)),
      i,
    );
    if (!g) continue;
    reflections.push(g);
    for (const other of rows.slice(i)) reflect(other, g);
  }
  return reflections;
}

/** All eigenvalues of a symmetric tridiagonal matrix, the largest first, and unit eigenvectors, by Jacobi rotations. */
function eigenSystem(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
): { values: Float64Array; vectors: Float64Array[] } {
  const size = diagonal.length;
  const a = diagonal.map((entry, i) => {
    const row = new Float64Array(size);
    row[i] = entry;
    if (i > 0) row[i - 1] = offDiagonal[i - 1];
    if (i < size - 1) row[i + 1] = offDiagonal[i];
    return row;
  });
  const vectors = a.map((_, i) => Float64Array.from(a, (_, j) => (i === j ? 1 : 0)));
  const negligible = (Number.EPSILON / 16) * Math.max(...diagonal.map(Math.abs), ...offDiagonal.map(Math.abs));
  for (let rotated = true; rotated; ) {
    rotated = false;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p][q]) <= negligible) continue;
        rotate(a, vectors, p, q);
        rotated = true;
      }
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return { values: Float64Array.from(order, (i) => a[i][i]), vectors: order.map((i) => vectors[i]) };
}

/** Makes a_pq zero. */
function rotate(a: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cos = 1 / Math.sqrt(tangent * tangent + 1);
  const sin = tangent * cos;
  const turn = (x: Float64Array, i: number, y: Float64Array, j: number) => {
    [x[i], y[j]] = [cos * x[i] - sin * y[j], sin * x[i] + cos * y[j]];
  };
  for (let i = 0; i < a.length; i++) turn(a[p], i, a[q], i);
  for (const row of a) turn(row, p, row, q);
  for (let i = 0; i < a.length; i++) turn(vectors[p], i, vectors[q], i);
  a[p][q] = 0;
  a[q][p] = 0;
}
