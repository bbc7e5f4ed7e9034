// True relative error of sigma at rtol 1e-4 over the settings of MATH 13.3, and the steps it took. The truth is a run
// of the same solver at rtol 1e-7 from another start.
import type { Runtime } from "../src/measure/createRuntime.js";
import type { spectralNorm } from "../src/spectral/spectralNorm.js";
import { gaussianLayer } from "./layer.mjs";

export interface AccuracyRun {
  error: number;
  steps: number;
  width: number;
  bracketed: boolean;
}

type Solver = typeof spectralNorm;

/** One run a setting and seed: its true error, steps, and whether the truth lies in its bracket. */
export async function accuracyRuns(
  runtime: Runtime,
  spectralNorm: Solver,
  sizes: [d: number, heads: number, n: number][],
): Promise<AccuracyRun[]> {
  const runs: AccuracyRun[] = [];
  for (const [d, heads, n] of sizes) {
    for (const std of [0.02, 0.1]) {
      for (const mask of ["causal", "none"] as const) {
        for (const input of ["gaussian", "anisotropic", "clustered", "low-rank"]) {
          const scale = std * Math.sqrt(768 / d);
          const { spec, x } = gaussianLayer({ d, heads, std: scale, mask, seed: 11 + n, n, input });
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          const truth = await spectralNorm(at, { rtol: 1e-7, seed: 99, start: "random", maxSteps: 200 });
          for (const seed of n <= 64 ? [1, 2] : [1]) {
            const found = await spectralNorm(at, { rtol: 1e-4, seed });
            const best = Math.max(truth.sigma, found.sigma);
            runs.push({
              error: 1 - found.sigma / best,
              steps: found.steps,
              width: found.upper / found.lower - 1,
              bracketed: found.lower <= best && best <= found.upper,
            });
          }
          at.dispose();
          layer.dispose();
        }
      }
    }
  }
  return runs;
}

export async function accuracy(runtime: Runtime, spectralNorm: Solver): Promise<void> {
  const sizes: [number, number, number][] = [
    [768, 12, 64],
    [768, 12, 256],
    [64, 1, 64],
    [64, 1, 256],
  ];
  const runs = await accuracyRuns(runtime, spectralNorm, sizes);
  const at = (key: "error" | "steps" | "width", share: number) => {
    const list = runs.map((run) => run[key]).sort((a, b) => a - b);
    return list[Math.min(list.length - 1, Math.floor(share * list.length))];
  };
  const within = runs.filter(({ error }) => error <= 1e-4).length / runs.length;
  console.log("\nsettings of MATH 13.3, rtol 1e-4");
  console.log(
    `${runs.length} runs: within rtol ${(100 * within).toFixed(1)} %, worst error ${at("error", 1).toExponential(1)}`,
  );
  console.log(`steps: median ${at("steps", 0.5)}, 90th percentile ${at("steps", 0.9)}, most ${at("steps", 1)}`);
  console.log(
    `bracket width: median ${(100 * at("width", 0.5)).toFixed(0)} %, 90th percentile ${(100 * at("width", 0.9)).toFixed(0)} %`,
  );
}
