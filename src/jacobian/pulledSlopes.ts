// Slopes ĝ_ij of scores, and what the weights of all heads make of them: W_Kĝ is never formed, its products with weights are.
import type { HostPrimal } from "../layers/attention/hostPrimal.js";
import { part, turned, type Workspace } from "../linalg/workspace.js";
import type { WeightGrams } from "./weightGrams.js";

/** Of at most n pairs at a time, a row a pair. */
export class PulledSlopes {
  /** Where ĝ of all heads lies, [pairs, heads·dHead]. */
  readonly at: number;
  readonly #space: Workspace;
  readonly #primal: HostPrimal;
  readonly #grams: WeightGrams;
  readonly #values: number;
  readonly #keys: number;
  readonly #queries: number;

  constructor(space: Workspace, primal: HostPrimal, grams: WeightGrams) {
    const { n, heads, plain } = primal;
    this.#space = space;
    this.#primal = primal;
    this.#grams = grams;
    const take = (columns: number) => space.take(n * columns, "slopes of scores");
    this.at = take(grams.queries);
    this.#values = take(heads.length * grams.values);
    this.#keys = take(heads.length * grams.queries);
    this.#queries = take(plain ? heads.length * grams.queries : 0);
  }

  /** Where ĝᵀ(W_KᵀW_V) lies for the slopes of head h and all heads' values, [pairs, heads·dValue]. */
  valuesAt(h: number): number {
    return this.#values + h * this.#primal.n * this.#grams.values;
  }

  /** Where ĝᵀ(W_KᵀW_K) lies, [pairs, heads·dHead]. */
  keysAt(h: number): number {
    return this.#keys + h * this.#primal.n * this.#grams.queries;
  }

  /** Where ĝᵀ(W_KᵀW_Q) lies, [pairs, heads·dHead]; of plain layers alone. */
  queriesAt(h: number): number {
    return this.#queries + h * this.#primal.n * this.#grams.queries;
  }

  /** Makes all of them for pairs (i, j). */
  pull(pairs: readonly (readonly [number, number])[]): void {
    const { heads, spec, plain } = this.#primal;
    const { dHead } = spec;
    const { values: width, queries, vk, kk, kq } = this.#grams;
    const space = this.#space;
    const count = pairs.length;
    const view = space.view(this.at, count * queries);
    for (const [h, head] of heads.entries()) {
      for (const [a, [i, j]] of pairs.entries()) {
        const from = a * queries + h * dHead;
        this.#primal.keySlope(head, i, j, view.subarray(from, from + dHead));
      }
      const own = part(this.at, queries, 0, h * dHead);
      const values = turned(part(vk, queries, 0, h * dHead));
      space.multiply(count, width, dHead, own, values, part(this.valuesAt(h), width), false);
      const keys = part(kk, queries, h * dHead);
      space.multiply(count, queries, dHead, own, keys, part(this.keysAt(h), queries), false);
      if (!plain) continue;
      const other = part(kq, queries, h * dHead);
      space.multiply(count, queries, dHead, own, other, part(this.queriesAt(h), queries), false);
    }
  }
}
