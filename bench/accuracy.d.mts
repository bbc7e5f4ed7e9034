import type { Runtime } from "../src/measure/createRuntime.js";
import type { spectralNorm } from "../src/spectral/spectralNorm.js";

export interface AccuracyRun {
  error: number;
  steps: number;
  width: number;
  bracketed: boolean;
}
export function accuracyRuns(
  runtime: Runtime,
  solver: typeof spectralNorm,
  sizes: [d: number, heads: number, n: number][],
): Promise<AccuracyRun[]>;
