// What every theorem of this folder returns.

/** A bound with what it is a bound of, under which assumptions, and where it is proven. */
export interface Bound {
  readonly value: number;
  /** "probable": an upper bound that holds with the probability that its assumptions state. */
  readonly kind: "upper" | "lower" | "probable";
  /**
   * "point": of the Jacobian at one input; "ball": of the Lipschitz constant over all inputs whose tokens lie in the
   * ball; "measures": of the Lipschitz constant of the map of probability measures in W₂, hence of every n at once.
   */
  readonly scope: "point" | "ball" | "measures";
  /** The theorem, as paper and section: MATH 5.3 is section 5.3 of docs/theory.md, where its proof is. */
  readonly source: string;
  /** What it holds under; each was checked, or follows from the arguments. */
  readonly assumptions: readonly string[];
}

/** Bounds by name, and the sharpest of them. */
export type WithBest<Bounds> = Bounds & { readonly best: Bound };

/** Adds `best`, the smallest. */
export function withSmallest<Bounds extends object>(bounds: Bounds): WithBest<Bounds> {
  return withBest(bounds, (value, best) => value < best);
}

/** Adds `best`, the largest. */
export function withLargest<Bounds extends object>(bounds: Bounds): WithBest<Bounds> {
  return withBest(bounds, (value, best) => value > best);
}

function withBest<Bounds extends object>(
  bounds: Bounds,
  better: (value: number, best: number) => boolean,
): WithBest<Bounds> {
  const all: Bound[] = Object.values(bounds);
  return { ...bounds, best: all.reduce((best, bound) => (better(bound.value, best.value) ? bound : best)) };
}

/** The error for a theorem whose assumption does not hold. */
export function refused(theorem: string, assumption: string, instead: string): RangeError {
  return new RangeError(`${theorem} does not apply: it assumes ${assumption}; ${instead}`);
}

/** factor·value, zero where the factor is, also when the value has overflowed. */
export function scaled(factor: number, value: number): number {
  return factor === 0 ? 0 : factor * value;
}
