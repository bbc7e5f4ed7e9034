// How much each token moves each other one: norms of all blocks ∂y_i/∂x_j of a Jacobian (docs/theory.md, section 2.4).
import { checkKeys, checkNumber, checkOneOf, throwIfAborted } from "../base/check.js";
import { DeviceError } from "../base/errors.js";
import type { AbortSignalLike } from "../base/platform.js";
import { type Tensor, tensor } from "../base/tensor.js";
import type { DeviceOperator, LinearOperator } from "../device/operator.js";
import { applied, lines } from "./applied.js";
import { blockNorms as spectralNormsOf } from "./blockNorms.js";
import { rowBlocks } from "./rowBlocks.js";

/** Options of `blockNorms`. */
export interface BlockNormOptions {
  /** The spectral norm of each block (default), or its Frobenius norm. */
  kind?: "spectral" | "frobenius";
  /** Relative accuracy of each spectral norm, default 1e-2; what the dtype cannot reach is rounded up to what it can. */
  rtol?: number;
  signal?: AbortSignalLike;
  onProgress?: (event: { type: "blocks"; done: number; total: number }) => void;
}

/** What `blockNorms` returns. */
export interface BlockNorms {
  /** [output tokens, input tokens]: entry (i, j) is the norm of ∂y_i/∂x_j, exactly 0 where the mask rules j ≠ i out. */
  norms: Tensor;
  kind: "spectral" | "frobenius";
  /** Each norm is within error·norm + floor of the truth, spectral norms with 95 % confidence: the relative part… */
  error: number;
  /** …and what rounding leaves of the largest parts that blocks are made of: smaller norms are only known to be so small. */
  floor: number;
  /** Products with attention's own blocks, or rows of the dense Jacobian. */
  way: "blocks" | "rows";
}

/**
 * The norms of all blocks ∂y_i/∂x_j, how much token j can move token i. Of attention on WebAssembly spectral norms come
 * from products with its blocks; those of other operators from the rows of one output token at a time.
 * @throws RangeError for an operator whose shapes are not [tokens, features]
 * @example
 * const { norms } = await blockNorms(linearization, { rtol: 1e-3 });
 */
export async function blockNorms(J: LinearOperator, options: BlockNormOptions = {}): Promise<BlockNorms> {
  checkKeys("options", options, ["kind", "rtol", "signal", "onProgress"]);
  const kind = checkOneOf("kind", options.kind ?? "spectral", ["spectral", "frobenius"]);
  const rtol = checkNumber("rtol", options.rtol ?? 1e-2, 0, 1);
  return applied(J, async (operator) => {
    const { inShape, outShape, device, structure } = operator;
    if (inShape.length !== 2 || outShape.length !== 2) {
      const shapes = [inShape, outShape].map((shape) => `[${shape.join(", ")}]`).join(" → ");
      throw new RangeError(`"J": expected an operator of [tokens, features] on both sides, got ${shapes}`);
    }
    const settings = { ...options, rtol };
    const byBlocks = kind === "spectral" && structure?.blockProducts;
    const { norms, error, floor } = byBlocks
      ? await fromBlocks(operator, settings)
      : kind === "spectral"
        ? await fromRows(operator, settings)
        : await fromSquares(operator, settings);
    const data = device.dtype === "f32" ? Float32Array.from(norms) : norms;
    return { norms: tensor(data, [outShape[0], inShape[0]]), kind, error, floor, way: byBlocks ? "blocks" : "rows" };
  });
}

type Settings = BlockNormOptions & { rtol: number };
type Found = { norms: Float64Array; error: number; floor: number };

async function fromBlocks({ device, inShape, structure }: DeviceOperator, settings: Settings): Promise<Found> {
  const { rtol, signal, onProgress } = settings;
  const lease = device.lease();
  try {
    const products = await structure?.blockProducts?.(lease);
    if (!products) throw new DeviceError("this operator has no products with its blocks");
    return await spectralNormsOf(products, inShape[0], { rtol, signal, onProgress });
  } finally {
    lease.dispose();
  }
}

async function fromRows(operator: DeviceOperator, settings: Settings): Promise<Found> {
  const { inShape, outShape, roundoff } = operator;
  const [tokens, dIn] = inShape;
  const dOut = outShape[1];
  const { rtol, signal } = settings;
  const norms = new Float64Array(outShape[0] * tokens);
  let floor = 0;
  let error = rtol;
  await eachToken(operator, settings, async (token, rows) => {
    const products = rowBlocks(rows, { token, tokens, dIn, dOut, roundoff });
    const found = await spectralNormsOf(products, tokens, { rtol, signal });
    norms.set(found.norms.subarray(token * tokens, (token + 1) * tokens), token * tokens);
    floor = Math.max(floor, found.floor);
    error = found.error;
  });
  return { norms, error, floor };
}

async function fromSquares(operator: DeviceOperator, settings: Settings): Promise<Found> {
  const { inShape, outShape, roundoff } = operator;
  const [tokens, dIn] = inShape;
  const norms = new Float64Array(outShape[0] * tokens);
  await eachToken(operator, settings, async (token, rows) => {
    const squares = norms.subarray(token * tokens, (token + 1) * tokens);
    for (let at = 0; at < rows.length; at++) squares[Math.floor((at % (tokens * dIn)) / dIn)] += rows[at] ** 2;
    for (let j = 0; j < tokens; j++) squares[j] = Math.sqrt(squares[j]);
  });
  return { norms, error: roundoff, floor: roundoff * norms.reduce((most, norm) => Math.max(most, norm), 0) };
}

/** The rows [dOut, tokens·dIn] of one output token after the other. */
async function eachToken(
  operator: DeviceOperator,
  { signal, onProgress }: Settings,
  use: (token: number, rows: Float64Array) => Promise<void>,
): Promise<void> {
  const [[tokens, dIn], [outTokens, dOut]] = [operator.inShape, operator.outShape];
  for (let i = 0; i < outTokens; i++) {
    throwIfAborted(signal);
    const rows = new Float64Array(dOut * tokens * dIn);
    let row = 0;
    for await (const entries of lines(operator, "rows", i * dOut, (i + 1) * dOut)) {
      rows.set(entries, row++ * tokens * dIn);
    }
    await use(i, rows);
    onProgress?.({ type: "blocks", done: (i + 1) * tokens, total: outTokens * tokens });
  }
}
