// True relative error of sigma at rtol 1e-4 over the settings of MATH 13.3, and the steps it took. The truth is a run
// of the same solver at rtol 1e-7 from another start.
import { gaussianLayer } from "./layer.mjs";

export async function accuracy(runtime, spectralNorm) {
  const errors = [];
  const steps = [];
  console.log("\nsettings of MATH 13.3, rtol 1e-4");
  for (const [d, heads, n] of [
    [768, 12, 64],
    [768, 12, 256],
    [64, 1, 64],
    [64, 1, 256],
  ]) {
    for (const std of [0.02, 0.1]) {
      for (const mask of ["causal", "none"]) {
        for (const input of ["gaussian", "anisotropic", "clustered", "low-rank"]) {
          const scale = std * Math.sqrt(768 / d);
          const { spec, x } = gaussianLayer({ d, heads, std: scale, mask, seed: 11 + n, n, input });
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          const truth = await spectralNorm(at, { rtol: 1e-7, seed: 99, start: "random", maxSteps: 200 });
          for (const seed of n === 64 ? [1, 2] : [1]) {
            const found = await spectralNorm(at, { rtol: 1e-4, seed });
            errors.push(Math.abs(found.sigma / truth.sigma - 1));
            steps.push(found.steps);
          }
          at.dispose();
          layer.dispose();
        }
      }
    }
  }
  const within = errors.filter((error) => error <= 1e-4).length / errors.length;
  const at = (list, share) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))];
  console.log(
    `${errors.length} runs: within rtol ${(100 * within).toFixed(1)} %, worst error ${at(errors, 1).toExponential(1)}`,
  );
  console.log(`steps: median ${at(steps, 0.5)}, 90th percentile ${at(steps, 0.9)}, most ${at(steps, 1)}`);
}
