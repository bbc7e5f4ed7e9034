// Spectral norms of all blocks ∂y_i/∂x_j of a Jacobian: one Lanczos process a block, many of them a step (MATH 2.4, 10).
import { checkKeys, checkNumber, throwIfAborted } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { Random } from "../base/random.js";
import { turn } from "../base/turn.js";
import { leadingTriplet } from "../linalg/smallSvd.js";
import { settled } from "../spectral/iteration.js";

/** Options of `blockNorms` of a linearization. */
export interface BlockNormOptions {
  /** Relative accuracy of each norm, default 1e-2; what the dtype cannot reach is rounded up to what it can. */
  rtol?: number;
  signal?: AbortSignalLike;
  onProgress?: (event: { type: "blocks"; done: number; total: number }) => void;
}

/** Products with as many blocks at a time as there are slots; [slots, dIn] and [slots, dOut], row-major. */
export interface BlockProducts {
  readonly slots: number;
  readonly dIn: number;
  readonly dOut: number;
  readonly roundoff: number;
  /** Blocks that are not zero, (output token, input token). */
  readonly blocks: readonly (readonly [number, number])[];
  assign(slot: number, block: readonly [number, number]): void;
  /** J_ij x of each slot's block, and J_ijᵀ y. */
  apply(x: Float64Array): Float64Array;
  applyTransposed(y: Float64Array): Float64Array;
}

/** Steps after which a block is given up; Lanczos needs some 30 for the hardest spectra at 1e-6 (MATH 13.3). */
const MOST_STEPS = 500;

/** One Golub–Kahan–Lanczos process, without reorthogonalization: the leading value does not suffer (MATH 10.4). */
interface Process {
  readonly block: readonly [number, number];
  readonly alphas: number[];
  readonly betas: number[];
  readonly errors: number[];
  sigma: number;
}

/** [n, n] row-major; entry (i, j) is the norm of ∂y_i/∂x_j, from below and within rtol (see `spectralNorm`). */
export async function blockNorms(
  products: BlockProducts,
  n: number,
  options: BlockNormOptions = {},
): Promise<Float64Array> {
  checkKeys("options", options, ["rtol", "signal", "onProgress"]);
  const rtol = checkNumber("rtol", options.rtol ?? 1e-2, 0, 1);
  const { blocks, dIn, dOut, roundoff } = products;
  const accuracy = Math.max(rtol, 10 * roundoff);
  const norms = new Float64Array(n * n);
  const random = new Random(0);
  const right = new Float64Array(products.slots * dIn);
  const left = new Float64Array(products.slots * dOut);
  const processes: (Process | undefined)[] = new Array(products.slots).fill(undefined);
  let next = 0;
  let done = 0;
  const refill = (slot: number) => {
    const block = blocks[next++];
    processes[slot] = block && { block, alphas: [], betas: [], errors: [], sigma: 0 };
    if (!block) return;
    products.assign(slot, block);
    const start = right.subarray(slot * dIn, (slot + 1) * dIn);
    random.fillGaussian(start, 1);
    normalize(start);
  };
  for (let slot = 0; slot < products.slots; slot++) refill(slot);
  while (done < blocks.length) {
    throwIfAborted(options.signal);
    advance(left, products.apply(right), processes, dOut, ({ betas }) => betas.at(-1) ?? 0, "alphas");
    advance(right, products.applyTransposed(left), processes, dIn, ({ alphas }) => alphas.at(-1) ?? 0, "betas");
    for (const [slot, process] of processes.entries()) {
      if (!process || !ended(process, accuracy, roundoff)) continue;
      const [i, j] = process.block;
      norms[i * n + j] = process.sigma;
      done++;
      refill(slot);
    }
    options.onProgress?.({ type: "blocks", done, total: blocks.length });
    await turn();
  }
  return norms;
}

/** vectors ← (images − factor·vectors)/norm, slot by slot; the norms are the next entries of the bidiagonal. */
function advance(
  vectors: Float64Array,
  images: Float64Array,
  processes: readonly (Process | undefined)[],
  width: number,
  factorOf: (process: Process) => number,
  entries: "alphas" | "betas",
): void {
  for (const [slot, process] of processes.entries()) {
    const vector = vectors.subarray(slot * width, (slot + 1) * width);
    if (!process) {
      vector.fill(0);
      continue;
    }
    const factor = factorOf(process);
    for (let c = 0; c < width; c++) vector[c] = images[slot * width + c] - (factor === 0 ? 0 : factor * vector[c]);
    process[entries].push(normalize(vector));
  }
}

function ended(process: Process, accuracy: number, roundoff: number): boolean {
  const { block, alphas, betas, errors } = process;
  if (alphas[0] === 0) return true;
  const { sigma, second, left } = leadingTriplet(alphas, betas);
  const residual = (betas[betas.length - 1] * Math.abs(left[left.length - 1])) / sigma;
  const change = process.sigma === 0 ? Number.POSITIVE_INFINITY : Math.abs(sigma - process.sigma) / sigma;
  const ratio = second / sigma;
  errors.push(Math.max(change, Math.min(residual, residual ** 2 / (2 * (1 - ratio) * (1 + ratio)))));
  process.sigma = sigma;
  const invariant = Math.min(alphas[alphas.length - 1], betas[betas.length - 1]) <= roundoff * sigma;
  if (invariant || settled(errors, accuracy)) return true;
  if (errors.length < MOST_STEPS) return false;
  throw new RangeError(`"rtol": block (${block.join(", ")}) did not settle to it in ${MOST_STEPS} steps; ask for less`);
}

/** Makes a vector a unit vector, unless it is zero, and returns its norm. */
function normalize(vector: Float64Array): number {
  let squares = 0;
  for (let c = 0; c < vector.length; c++) squares += vector[c] * vector[c];
  const norm = Math.sqrt(squares);
  if (norm > 0) for (let c = 0; c < vector.length; c++) vector[c] /= norm;
  return norm;
}
