// Checkpoints made and evaluated by transformers: those in this repository, and all of ../shared where it is.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { ModelInput } from "../../src/models/index.js";

/** A value beside the input that it belongs to. */
interface Recorded {
  input: number[][];
  sigma: number;
}

export interface RecordedBlock {
  attention?: Recorded;
  "normed-attention"?: Recorded;
  "feed-forward"?: Recorded;
  cross?: { input: number[][]; memory: number[][]; sigmaQueries: number; sigmaMemory: number; sigmaBoth: number };
  block: { input: number[][]; output: number[][]; sigma: number };
}

export interface Expectation {
  inputs: Record<string, unknown>;
  stacks: Record<string, { blocks: RecordedBlock[]; model: { sigma: number; sigmaNormed?: number } }>;
}

const own = new URL("../oracle/hf/", import.meta.url).pathname;
const shared = new URL("../../../shared/oracle/hf/", import.meta.url).pathname;

/** Whether ../shared is there; what says so in a test's title where it isn't. */
export const missing = existsSync(shared) ? "" : ` (skipped: the folder of test data ${shared} is missing)`;

/** The folders with checkpoints: this repository's, and all. */
export const ownFolders = foldersOf(own);
export const sharedFolders = missing ? [] : foldersOf(shared);

export interface OracleFolder {
  name: string;
  path: string;
}

function foldersOf(path: string): OracleFolder[] {
  return readdirSync(path)
    .filter((name) => existsSync(`${path}${name}/expect.json`))
    .sort()
    .map((name) => ({ name, path: `${path}${name}` }));
}

export function expectationOf(path: string): Expectation {
  return JSON.parse(readFileSync(`${path}/expect.json`, "utf8"));
}

/** The input as models take it. */
export function inputOf({ inputs }: Expectation, stack?: string): ModelInput {
  const decoderTokens = inputs.decoder_input_ids as number[] | undefined;
  if (inputs.input_features) return { features: nested(inputs.input_features), decoderTokens: decoderTokens! };
  const tokens = inputs.input_ids as number[] | undefined;
  if (tokens && decoderTokens) return { tokens, decoderTokens };
  return tokens && stack !== "vision" ? tokens : { pixels: nested(inputs.pixel_values) };
}

/** Nested arrays as a tensor. */
export function nested(values: unknown): Tensor {
  const shape: number[] = [];
  for (let inner = values; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  return tensor(Float64Array.from((values as unknown[]).flat(Number.POSITIVE_INFINITY) as number[]), shape);
}

/** ‖a − b‖ / ‖b‖. */
export function distance(a: Tensor, b: Tensor): number {
  if (a.data.length !== b.data.length) return Number.POSITIVE_INFINITY;
  return Math.hypot(...b.data.map((entry, at) => entry - a.data[at])) / Math.hypot(...b.data);
}
