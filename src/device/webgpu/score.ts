// What happens between projections and probabilities, in WGSL: how a score is made of a query and a key, its derivative
// along tangents, and which offsets of keys and values it does not see (docs/theory.md; MATH 2.1, 2.7).
import type { Product } from "./pass.js";

export type Kind = "dot-product" | "l2";

export interface Scores {
  readonly kind: Kind;
  /** S, up to a constant a row. */
  readonly score: Product;
  /** E, its derivative along dQ, dK, up to a constant a row. */
  readonly tangent: readonly Product[];
  /**
   * WGSL of the gradient of rows `own` at (row, c), from the sum of the weights times the other side's rows, and with
   * `tangent` also times those of their tangents.
   */
  readonly gradient: (own: "query" | "key", tangent: boolean) => string;
  /** Whether one vector may be taken from all values without changing J: rows of P must sum to 1. */
  readonly valuesMayShift: boolean;
  /** Whether one vector may be taken from all keys, or, "with queries", from both sides alike. */
  readonly keysMayShift: false | "alone" | "with queries";
}

/** ⟨q, k⟩; the scale is in the queries. */
const INNER: Scores = {
  kind: "dot-product",
  score: { of: ["query", "key"], into: 0 },
  tangent: [
    { of: ["queryTangent", "key"], into: 1 },
    { of: ["query", "keyTangent"], into: 1 },
  ],
  gradient: () => "sum",
  valuesMayShift: true,
  keysMayShift: "alone",
};

/** ∓|q − k|², of differences, since the squares' expansion cancels for tokens far from the origin (MATH 2.6). */
const DISTANCE: Scores = {
  kind: "l2",
  score: { of: ["query", "key"], as: "distance", into: 0, factor: "-direction()" },
  tangent: [
    {
      of: ["query", "key"],
      and: ["queryTangent", "keyTangent"],
      as: "differences",
      into: 1,
      factor: "-2.0 * direction()",
    },
  ],
  gradient: (own, tangent) => {
    const head = own === "query" ? "z" : "z * (size.heads / size.kvHeads)";
    const second = tangent ? ` - weightSums.y * ${own}Tangent(row, c, ${head})` : "";
    return `2.0 * direction() * (sum - weightSums.x * ${own}(row, c, ${head})${second})`;
  },
  valuesMayShift: true,
  keysMayShift: "with queries",
};

export function scoresOf(kind: Kind): Scores {
  return kind === "l2" ? DISTANCE : INNER;
}
