// Norms of all blocks ∂y_i/∂x_j of a Jacobian that has products with blocks: one Golub–Kahan–Lanczos process a block, many
// of them a step (docs/theory.md, sections 2.4 and 10).
import { checkKeys, checkNumber, throwIfAborted } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { Random } from "../base/random.js";
import { turn } from "../base/turn.js";
import type { BlockProducts } from "../device/operator.js";
import { BlockProcess } from "./blockProcess.js";

/** Options of `blockNorms`. */
export interface BlockNormOptions {
  /** Relative accuracy of each norm, default 1e-2; what the dtype cannot reach is rounded up to what it can. */
  rtol?: number;
  signal?: AbortSignalLike;
  onProgress?: (event: { type: "blocks"; done: number; total: number }) => void;
}

/** Norms of blocks, and how far each can be from the truth. */
export interface BlockNorms {
  /** [output tokens, n] row-major; entry (i, j) is the norm of ∂y_i/∂x_j. */
  readonly norms: Float64Array;
  /** Each norm is within error·norm + floor of the truth, with 95 % confidence: the relative part… */
  readonly error: number;
  /** …and what rounding leaves of the largest parts that blocks are made of: smaller norms are only known to be so small. */
  readonly floor: number;
}

interface Running {
  readonly block: readonly [number, number];
  readonly process: BlockProcess;
}

/** Checks what all ways to a block's norm have in common. */
export function checkBlockOptions(options: BlockNormOptions, more: readonly string[] = []): { rtol: number } {
  checkKeys("options", options, ["rtol", "signal", "onProgress", ...more]);
  return { rtol: checkNumber("rtol", options.rtol ?? 1e-2, 0, 1) };
}

/**
 * Spectral norms, from below; n is the number of input tokens. A process ends when its norm is within `rtol` of the truth with 95 % confidence whatever
 * the block's spectrum, when what is left is rounding, or when its basis is the whole space: it always ends.
 */
export async function blockNorms(
  products: BlockProducts,
  n: number,
  options: BlockNormOptions = {},
): Promise<BlockNorms> {
  const { rtol } = checkBlockOptions(options);
  const { blocks, slots, dIn, dOut, roundoff } = products;
  const error = Math.max(rtol, 10 * roundoff);
  const outTokens = blocks.reduce((most, [i]) => Math.max(most, i + 1), n);
  const norms = new Float64Array(outTokens * n);
  const random = new Random(0);
  const right = new Float64Array(slots * dIn);
  const left = new Float64Array(slots * dOut);
  const processes: (Running | undefined)[] = new Array(slots).fill(undefined);
  let next = 0;
  let done = 0;
  let floor = 0;
  const refill = (slot: number) => {
    const block = blocks[next++];
    right.fill(0, slot * dIn, (slot + 1) * dIn);
    left.fill(0, slot * dOut, (slot + 1) * dOut);
    processes[slot] = undefined;
    if (!block) return;
    const rounding = roundoff * products.assign(slot, block);
    floor = Math.max(floor, rounding);
    const process = new BlockProcess(dIn, dOut, { accuracy: error, roundoff, floor: rounding }, random);
    processes[slot] = { block, process };
    right.set(process.start, slot * dIn);
  };
  for (let slot = 0; slot < slots; slot++) refill(slot);
  while (done < blocks.length) {
    throwIfAborted(options.signal);
    const images = products.apply(right);
    for (const [slot, running] of processes.entries()) {
      if (running) left.set(running.process.left(images.subarray(slot * dOut, (slot + 1) * dOut)), slot * dOut);
    }
    const pulled = products.applyTransposed(left);
    for (const [slot, running] of processes.entries()) {
      if (!running) continue;
      const { block, process } = running;
      right.set(process.right(pulled.subarray(slot * dIn, (slot + 1) * dIn)), slot * dIn);
      if (!process.ended) continue;
      const [i, j] = block;
      norms[i * n + j] = process.sigma;
      done++;
      refill(slot);
    }
    options.onProgress?.({ type: "blocks", done, total: blocks.length });
    await turn();
  }
  return { norms, error, floor };
}
