// The Jacobian of attention in plain loops, from the host's primal.
import { type HostPrimal, queryCovariance, seenTokens } from "../../src/layers/attention/hostPrimal.js";
import { product } from "../../src/linalg/dense.js";

/** N_ij [dIn, heads·dValue] entry by entry: ∂y_i/∂x_j = N_ij W_O. */
export function block(primal: HostPrimal, i: number, j: number): Float64Array {
  const { heads, n, spec } = primal;
  const { dIn, dHead, dValue } = spec;
  const width = heads.length * dValue;
  const result = new Float64Array(dIn * width);
  const slope = new Float64Array(dHead);
  for (const [h, head] of heads.entries()) {
    primal.keySlope(head, i, j, slope);
    const gradient = product(head.key, slope, dIn, dHead, 1);
    const own = product(head.query, queryCovariance(primal, head, i), dIn, dHead, dValue);
    for (let e = 0; e < dIn; e++) {
      for (let c = 0; c < dValue; c++) {
        const xi = head.v[j * dValue + c] - head.o[i * dValue + c];
        const entry = head.p[i * n + j] * (head.value[e * dValue + c] + gradient[e] * xi);
        result[e * width + h * dValue + c] = entry + (i === j ? own[e * dValue + c] : 0);
      }
    }
  }
  return result;
}

/** The whole Jacobian, [n·dOut, n·dIn]. */
export function dense(primal: HostPrimal): Float64Array {
  const { n, heads, spec } = primal;
  const { dIn, dOut, dValue } = spec;
  const width = heads.length * dValue;
  const output = new Float64Array(width * dOut);
  for (const [h, head] of heads.entries()) output.set(head.output, h * dValue * dOut);
  const jacobian = new Float64Array(n * dOut * n * dIn);
  for (let i = 0; i < n; i++) {
    for (const j of seenTokens(primal, i)) {
      const b = product(block(primal, i, j), output, dIn, width, dOut);
      for (let e = 0; e < dIn; e++) {
        for (let c = 0; c < dOut; c++) jacobian[(i * dOut + c) * n * dIn + j * dIn + e] = b[e * dOut + c];
      }
    }
  }
  return jacobian;
}
