// What happens between projections and probabilities, in WGSL: how a score is made of a query and a key, its derivative
// along tangents, and which offsets of keys and values it does not see (docs/theory.md; MATH 2.1, 2.7).
import { type Modifiers, modified, nameOf } from "./modifiers.js";
import type { Modified, Product } from "./pass.js";

export type Kind = "dot-product" | "l2";

/** How scores are made, and what is done to them on the way to the softmax. */
export interface Scores extends Products {
  /** Of the kernels for them. */
  readonly name: string;
  readonly modifiers: Modifiers;
  readonly modified: Modified;
}

interface Products {
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
  /**
   * How many columns of the projections are scaled, by what, and the sign that is left. They are stored so, and a score
   * is a plain sum: a GPU that multiplies and adds in one rounding would otherwise see two different scores.
   */
  scaling(sizes: { scale: number; heads: number; kvHeads: number; dHead: number }): {
    columns: number;
    factor: number;
    sign: 1 | -1;
  };
}

/** ⟨q, k⟩, q being scaled. */
const INNER: Products = {
  kind: "dot-product",
  score: { of: ["query", "key"], into: 0 },
  tangent: [
    { of: ["queryTangent", "key"], into: 1, isTangent: true },
    { of: ["query", "keyTangent"], into: 1, isTangent: true },
  ],
  gradient: (own) => (own === "query" ? "factor() * sum" : "sum"),
  valuesMayShift: true,
  keysMayShift: "alone",
  scaling: ({ scale, heads, dHead }) => ({ columns: heads * dHead, factor: scale, sign: 1 }),
};

/** ∓|q − k|², both being scaled by the root, of differences, since the squares' expansion cancels for tokens far from the origin (MATH 2.6). */
const DISTANCE: Products = {
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
    return `2.0 * direction() * factor() * (sum - weightSums.x * ${own}(row, c, ${head})${second})`;
  },
  valuesMayShift: true,
  keysMayShift: "with queries",
  scaling: ({ scale, heads, kvHeads, dHead }) => ({
    columns: (heads + kvHeads) * dHead,
    factor: Math.sqrt(Math.abs(scale)),
    sign: scale < 0 ? -1 : 1,
  }),
};

/** A cap bends what a common offset of keys moves; beside a sink, offsets of keys and of values alike count. */
export function scoresOf(kind: Kind, modifiers: Modifiers): Scores {
  const products = kind === "l2" ? DISTANCE : INNER;
  const { capped, sinks } = modifiers;
  return {
    ...products,
    valuesMayShift: products.valuesMayShift && !sinks,
    keysMayShift: capped || sinks ? false : products.keysMayShift,
    name: `${kind}${nameOf(modifiers)}`,
    modifiers,
    modified: modified(modifiers),
  };
}
