// What one head contributes to the local bounds at X, token by token (MATH 8.3).

import type { HostHead, HostPrimal } from "../layers/attention/hostPrimal.js";
import { largestEigenvalueAbove } from "../linalg/cholesky.js";
import { congruence } from "../linalg/gram.js";
import type { HeadNorms } from "./weightNorms.js";

/** With ξ_ij = v_j − o_i, ξ′ = ξ W_O, g_ij = ∂s_ij/∂x_j; arrays of n are by output token i, of n·n by (i, j). */
export interface HeadTerms {
  /** P_ij|ξ′_ij||g_ij|. */
  readonly influence: Float64Array;
  /** Traces of Cov^v = Σ_j P|g|²ξξᵀ and of Cov′ = Σ_j P|g|²ξ′ξ′ᵀ. */
  readonly traceValue: Float64Array;
  readonly traceOutput: Float64Array;
  /** √(tr Cov of the query's slopes · tr Cov of the values), at least ‖C_i‖. */
  readonly queryFast: Float64Array;
  /** max_i |g_ij|, and the diameter of the tokens' query slopes W_Q·∂s/∂q: what 8.2 needs, plain attention only. */
  readonly largestSlope: number;
  readonly queryDiameter: number;
  readonly eigen?: HeadEigen;
}

/** Largest eigenvalues: of Cov^v and F^v in the space of values, of Cov′ and F through W_O. */
export interface HeadEigen {
  readonly covariance: Float64Array;
  readonly covarianceOutput: Float64Array;
  readonly joint: Float64Array;
  readonly jointOutput: Float64Array;
  /** Cov^v and F^v themselves, [n] of [dValue, dValue]. */
  readonly covariances: Float64Array[];
  readonly joints: Float64Array[];
}

export function headTerms(primal: HostPrimal, head: HostHead, norms: HeadNorms, withEigen: boolean): HeadTerms {
  const { n, plain } = primal;
  const { dHead, dValue } = primal.spec;
  const influence = new Float64Array(n * n);
  const traceValue = new Float64Array(n);
  const traceOutput = new Float64Array(n);
  const queryFast = new Float64Array(n);
  const covariances: Float64Array[] = [];
  const joints: Float64Array[] = [];
  const slope = new Float64Array(dHead);
  const slopes = new Float64Array(n * dHead);
  const mean = new Float64Array(dHead);
  const xi = new Float64Array(dValue);
  const cross = new Float64Array(dValue);
  const factorRows = norms.outputFactor;
  let largestSlope = 0;
  for (let i = 0; i < n; i++) {
    const covariance = new Float64Array(dValue * dValue);
    const joint = new Float64Array(dValue * dValue);
    let live = false;
    let slopeSquared = 0;
    let values = 0;
    mean.fill(0);
    if (plain) {
      primal.keySlope(head, i, 0, slope);
      slopeSquared = quadratic(norms.keyGram, slope);
      largestSlope = Math.max(largestSlope, Math.sqrt(slopeSquared));
    }
    for (let j = 0; j < n; j++) {
      const p = head.p[i * n + j];
      if (p === 0) continue;
      live = true;
      for (let c = 0; c < dValue; c++) xi[c] = head.v[j * dValue + c] - head.o[i * dValue + c];
      if (!plain) {
        primal.keySlope(head, i, j, slope);
        slopeSquared = quadratic(norms.keyGram, slope);
      }
      const valueSquared = squared(xi);
      const outputSquared = lowerSquared(factorRows, xi);
      traceValue[i] += p * slopeSquared * valueSquared;
      traceOutput[i] += p * slopeSquared * outputSquared;
      influence[i * n + j] = p * Math.sqrt(slopeSquared * outputSquared);
      values += p * valueSquared;
      const query = slopes.subarray(j * dHead, (j + 1) * dHead);
      primal.querySlope(head, i, j, query);
      // About their mean where Σ_j P_ij(v_j − o_i) = 0, which takes any vector from the slopes.
      if (primal.rowsSumToOne) for (let c = 0; c < dHead; c++) mean[c] += p * query[c];
      if (!withEigen) continue;
      addOuter(covariance, p * slopeSquared, xi, xi);
      if (plain) continue;
      times(norms.valueKey, slope, cross);
      addOuter(joint, p, xi, cross);
      addOuter(joint, p, cross, xi);
    }
    let queries = 0;
    for (let j = 0; j < n; j++) {
      const p = head.p[i * n + j];
      if (p === 0) continue;
      for (let c = 0; c < dHead; c++) queries += p * (slopes[j * dHead + c] - mean[c]) ** 2;
    }
    queryFast[i] = Math.sqrt(queries * values);
    if (!withEigen) continue;
    for (let at = 0; at < joint.length; at++) joint[at] += covariance[at] + (live ? norms.valueGram[at] : 0);
    covariances.push(covariance);
    joints.push(joint);
  }
  const through = (a: Float64Array) => congruence(a, norms.outputFactor, dValue, dValue);
  const largest = (matrices: Float64Array[]) => Float64Array.from(matrices, (a) => largestEigenvalueAbove(a, dValue));
  return {
    influence,
    traceValue,
    traceOutput,
    queryFast,
    largestSlope,
    queryDiameter: plain ? queryDiameter(primal, head, norms) : Number.POSITIVE_INFINITY,
    eigen: withEigen
      ? {
          covariance: largest(covariances),
          covarianceOutput: largest(covariances.map(through)),
          joint: largest(joints),
          jointOutput: largest(joints.map(through)),
          covariances,
          joints,
        }
      : undefined,
  };
}

/** max_kl |W_Q(∂s_ik/∂q_i − ∂s_il/∂q_i)|, the same for all i. */
function queryDiameter(primal: HostPrimal, head: HostHead, { queryFactor }: HeadNorms): number {
  const { n } = primal;
  const { dHead } = primal.spec;
  const slope = new Float64Array(dHead);
  const rows = new Float64Array(n * dHead);
  for (let j = 0; j < n; j++) {
    primal.querySlope(head, 0, j, slope);
    for (let r = 0; r < dHead; r++) {
      for (let c = 0; c <= r; c++) rows[j * dHead + c] += queryFactor[r * dHead + c] * slope[r];
    }
  }
  return diameter(rows, n, dHead);
}

/** The largest distance between rows of [n, d]. */
export function diameter(rows: Float64Array, n: number, d: number): number {
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += (rows[i * d + c] - rows[j * d + c]) ** 2;
      largest = Math.max(largest, sum);
    }
  }
  return Math.sqrt(largest);
}

function squared(x: Float64Array): number {
  let sum = 0;
  for (let c = 0; c < x.length; c++) sum += x[c] * x[c];
  return sum;
}

/** |Lᵀx|² for a lower triangular L. */
function lowerSquared(l: Float64Array, x: Float64Array): number {
  const n = x.length;
  let total = 0;
  for (let c = 0; c < n; c++) {
    let sum = 0;
    for (let r = c; r < n; r++) sum += l[r * n + c] * x[r];
    total += sum * sum;
  }
  return total;
}

/** xᵀ A x */
function quadratic(a: Float64Array, x: Float64Array): number {
  const n = x.length;
  let total = 0;
  for (let r = 0; r < n; r++) {
    let sum = 0;
    for (let c = 0; c < n; c++) sum += a[r * n + c] * x[c];
    total += sum * x[r];
  }
  return Math.max(0, total);
}

function times(a: Float64Array, x: Float64Array, to: Float64Array): void {
  const columns = x.length;
  for (let r = 0; r < to.length; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += a[r * columns + c] * x[c];
    to[r] = sum;
  }
}

function addOuter(to: Float64Array, factor: number, x: Float64Array, y: Float64Array): void {
  const n = x.length;
  for (let r = 0; r < n; r++) {
    const scaled = factor * x[r];
    for (let c = 0, at = r * n; c < n; c++) to[at++] += scaled * y[c];
  }
}
