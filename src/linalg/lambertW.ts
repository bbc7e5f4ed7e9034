// The principal branch of Lambert's W function (Corless et al., "On the Lambert W function", 1996).
import { wrongKind, wrongValue } from "../base/check.js";

/** 1/e to twice double precision. */
const inverseE = 0.36787944117144233;
const inverseERest = -1.2428753672788363e-17;

/**
 * W₀(x), the w ≥ −1 with w·eʷ = x, to a few units in the last place. The double nearest to −1/e counts as −1/e.
 * @param x at least −1/e and finite
 * @throws TypeError if x is no number, RangeError if it lies outside
 * @example
 * lambertW0(1); // 0.5671432904097838
 */
export function lambertW0(x: number): number {
  if (typeof x !== "number") throw wrongKind("x", "a number of at least −1/e", x);
  if (!(x >= -inverseE) || x === Number.POSITIVE_INFINITY) throw wrongValue("x", "a finite number of at least −1/e", x);
  if (x < -0.25) return aboveBranchPoint(Math.E * (x + inverseE + inverseERest)) - 1;
  return x > 1 ? byLogarithm(x) : byHalley(x);
}

/** φ⁻¹(y) = W₀(y/e), the inverse of φ(t) = t·e^(t+1) (MATH 9), for y ≥ 0. */
export function inversePhi(y: number): number {
  return lambertW0(y * inverseE);
}

/**
 * v = 1 + w from y = e·x + 1 by Newton's method on 1 + (v − 1)eᵛ = Σ (k − 1)vᵏ/k! = y, whose terms are all positive:
 * no digit is lost at the branch point, where w itself depends on √y.
 */
function aboveBranchPoint(y: number): number {
  if (y <= 0) return 0;
  let v = Math.sqrt(2 * y);
  for (let round = 0; round < 30; round++) {
    const step = (branchSeries(v) - y) / (v * Math.exp(v));
    v -= step;
    if (Math.abs(step) <= 1e-16 * v) break;
  }
  return v;
}

function branchSeries(v: number): number {
  let power = v;
  let sum = 0;
  for (let k = 2; k < 40; k++) {
    power *= v / k;
    sum += (k - 1) * power;
  }
  return sum;
}

/** Newton's method on w + log w = log x, which cannot overflow. */
function byLogarithm(x: number): number {
  const logX = Math.log(x);
  let w = x < 3 ? 0.5 + 0.2 * x : logX - Math.log(logX);
  for (let round = 0; round < 30; round++) {
    const next = (w * (1 + logX - Math.log(w))) / (1 + w);
    if (Math.abs(next - w) <= 2e-16 * w) return next;
    w = next;
  }
  return w;
}

function byHalley(x: number): number {
  if (x === 0) return x;
  let w = Math.log1p(x);
  for (let round = 0; round < 30; round++) {
    const exp = Math.exp(w);
    const excess = w * exp - x;
    const step = excess / (exp * (w + 1) - ((w + 2) * excess) / (2 * w + 2));
    w -= step;
    if (Math.abs(step) <= 1e-16 * Math.abs(w)) break;
  }
  return w;
}
