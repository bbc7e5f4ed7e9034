// What a call costs by itself, and sigma of problems so small that little else counts. Warm, medians.
import { localLipschitz } from "howsmooth";
import { gaussianLayer, median, processorTime } from "./layer.mjs";

/** Microseconds of one jvp of one token with d = 4, and sigma with n = 8, d = 64. */
export async function smallProblems(runtime) {
  const one = gaussianLayer({ d: 4, heads: 1, std: 0.5, mask: "none", seed: 1, n: 1 });
  const layer = runtime.attention(one.spec);
  const linearization = await layer.linearize(one.x);
  const calls = 2000;
  const call = await median(
    15,
    async () => {
      for (let i = 0; i < calls; i++) await linearization.jvp(one.x);
    },
    processorTime,
  );
  linearization.dispose();
  layer.dispose();
  const sigma = [];
  for (const heads of [1, 8]) sigma.push(await smallSigma(runtime, heads));
  return { call: (1000 * call) / calls, sigma };
}

async function smallSigma(runtime, heads) {
  const { spec, x } = gaussianLayer({ d: 64, heads, std: 0.1, mask: "none", seed: 1, n: 8 });
  const layer = runtime.attention(spec);
  const runs = 100;
  const { steps } = await localLipschitz(layer, x);
  const total = await median(
    15,
    async () => {
      for (let run = 0; run < runs; run++) await localLipschitz(layer, x);
    },
    processorTime,
  );
  layer.dispose();
  return { heads, milliseconds: total / runs, steps };
}
