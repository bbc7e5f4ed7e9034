// The two tokens of a ball whose odd one moves the others most (MATH 6.1), as far as a search of planes finds them: the
// copied token along singular vectors and known good ones, the odd one on the sphere, in the plane of that token and its
// score gradient.
import { addScaled, divided, dot, norm } from "../linalg/vector.js";
import { type Affinity, scoreGradient } from "./affinity.js";
import { intoBall, leadingRightVectors, type TokenPair } from "./gammaStar.js";
import type { Influence } from "./influence.js";

export type Evaluate = (pair: TokenPair) => Influence;

const gridPoints = 41;
const refinements = 4;

/** The best pair found; no worse, by its estimate, than the known ones. */
export function searchTwoPoints(
  affinity: Affinity,
  radius: number,
  known: readonly TokenPair[],
  evaluate: Evaluate,
): TokenPair {
  const singular = leadingRightVectors(affinity, 3).flatMap((v) => [v, v.map((entry) => entry / 2)]);
  const others = [...known.map(({ other }) => other), ...singular.map((v) => v.map((entry) => radius * entry))];
  const found = others.flatMap((other) => bestOddToken(affinity, radius, other, evaluate) ?? []);
  const candidates = [...known, ...found].map((pair) => ({ pair, influence: evaluate(pair) }));
  candidates.sort((one, other) => other.influence.estimate - one.influence.estimate);
  const rated = [...candidates.slice(0, 3), ...candidates.filter(({ pair }) => known.includes(pair))].map(
    ({ pair, influence }) => ({ pair, value: influence.largest() }),
  );
  return rated.reduce((best, candidate) => (candidate.value > best.value ? candidate : best)).pair;
}

/** R(θu + √(1 − θ²)w) over θ, u along the score gradient and w away from the other token. */
function bestOddToken(
  affinity: Affinity,
  radius: number,
  other: Float64Array,
  evaluate: Evaluate,
): TokenPair | undefined {
  const gradient = scoreGradient(affinity, other);
  const length = norm(gradient);
  if (length === 0) return undefined;
  const u = divided(gradient, length);
  const w = across(u, other);
  const pairAt = (theta: number): TokenPair => {
    const odd = u.map((entry) => radius * theta * entry);
    if (w) addScaled(odd, radius * Math.sqrt(Math.max(0, 1 - theta * theta)), w);
    return { odd: intoBall(odd, radius), other };
  };
  let centre = 0;
  let reach = 1;
  let best = { theta: 1, estimate: -1 };
  for (let round = 0; round <= refinements; round++) {
    for (let i = 0; i < gridPoints; i++) {
      const theta = Math.max(-1, Math.min(1, centre + reach * ((2 * i) / (gridPoints - 1) - 1)));
      const { estimate } = evaluate(pairAt(theta));
      if (estimate > best.estimate) best = { theta, estimate };
    }
    centre = best.theta;
    reach *= 4 / gridPoints;
  }
  return pairAt(best.theta);
}

/** A unit vector orthogonal to u, against `other` where that leaves one; undefined in one dimension. */
function across(u: Float64Array, other: Float64Array): Float64Array | undefined {
  if (u.length === 1) return undefined;
  const w = other.map((entry) => -entry);
  addScaled(w, -dot(u, w), u);
  if (norm(w) > 1e-9 * norm(other)) return divided(w, norm(w));
  const least = u.reduce((at, entry, i) => (Math.abs(entry) < Math.abs(u[at]) ? i : at), 0);
  const axis = Float64Array.from(u, (_, i) => (i === least ? 1 : 0));
  addScaled(axis, -u[least], u);
  return divided(axis, norm(axis));
}
