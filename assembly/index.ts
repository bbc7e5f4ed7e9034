// The kernel ABI: pointers into the imported memory, sizes as i32, structures laid out by the host, which reads from the
// classes where their fields lie (scripts/abi.mjs).
import { MR } from "./base/simd";
export { multiply, setEdgeTile } from "./matrix/gemm";
export { packPanels, packStrips, unpackPanels } from "./matrix/packing";
export { addBias } from "./attention/channels";
export { attend } from "./attention/forward";
export { probabilitiesOf } from "./attention/probabilities";
export { sumPatterns, sumTransposedPatterns } from "./attention/pattern";
export { jvp, vjp } from "./attention/jacobian";
export { factorize } from "./matrix/factor";
export { gradient } from "./attention/gradient";
export { sumBlocks } from "./attention/entries";
export { jvpAll, vjpAll } from "./attention/lockstep";
export {
  add, clear, combineBasis, copy, distanceInto, multiplyElements, normalizeInto, orthonormalizeAgainst, reflectBasis,
} from "./commands";
export { normalize } from "./vectors";
export { activate } from "./layers/activation";
export { applyLinear, linearJvp, linearVjp } from "./layers/linear";
export { applyNorm, normGradient, normJvp, normVjp } from "./layers/norm";

/**
 * What this binary is, for the host to check: bytes of a number, 16 where multiply-add is relaxed, 32 for threads, 64 times
 * the rows of a register tile, and 1024 times the hash of its structures and signatures (scripts/abi.mjs).
 */
export function describe(): i32 {
  // @ts-ignore: given by scripts/kernels.mjs
  const abi: i32 = isDefined(ABI) ? ABI : 0;
  return <i32>sizeof<Real>() | (ASC_FEATURE_RELAXED_SIMD ? 16 : 0) | (ASC_FEATURE_THREADS ? 32 : 0) | MR * 64 | abi << 10;
}
