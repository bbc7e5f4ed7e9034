// The kernel ABI: pointers into the imported memory, sizes as i32, structures laid out by the host
// (src/device/wasm/layout.ts mirrors their fields).
export { multiply, setEdgeTile } from "./matrix/gemm";
export { packPanels, packStrips, unpackPanels } from "./matrix/packing";
export { addBias } from "./attention/channels";
export { attend } from "./attention/forward";
export { probabilitiesOf } from "./attention/probabilities";
export { sumPatterns, sumTransposedPatterns } from "./attention/pattern";
export { dense, jvp, vjp } from "./attention/jacobian";
export { factorize } from "./matrix/factor";
export { gradient } from "./attention/gradient";
export { sumBlocks } from "./attention/entries";
export { bidiagonalizeAll } from "./attention/lockstep";
export { bidiagonalize, powerStep, tridiagonalize } from "./spectral";
export { combine, dot, normalize, reflect } from "./vectors";
export { activate } from "./layers/activation";
export { applyLinear, linearJvp, linearVjp } from "./layers/linear";
export { applyNorm, normGradient, normJvp, normVjp } from "./layers/norm";

/** What this binary is, for the host to check: bytes of a number, 256 where multiply-add is relaxed, 512 for threads. */
export function describe(): i32 {
  return <i32>sizeof<Real>() | (ASC_FEATURE_RELAXED_SIMD ? 256 : 0) | (ASC_FEATURE_THREADS ? 512 : 0);
}
