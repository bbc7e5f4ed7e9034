// Two threads against one, in alternation: one JᵀJ application and sigma at n = 1024. On a busy machine wall times say
// little; the time that the main thread is at work (Node 24 counts it) says what an idle one would gain.
import { createRuntime, localLipschitz } from "howsmooth";
import { gaussianLayer, middle, powerIteration } from "./layer.mjs";

const busyNow = () => {
  const usage = process.threadCpuUsage?.();
  return usage ? (usage.user + usage.system) / 1000 : Number.NaN;
};

/** Medians in milliseconds for 1 and 2 threads: `wall` and `busy`, the main thread's own time on a processor. */
export async function threadsGain({ n = 1024, runs = 5, sigmaRuns = 3 } = {}) {
  const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const teams = await Promise.all([1, 2].map((threads) => prepare(threads, spec, x)));
  const application = await alternate(teams, runs, ({ space }) => space.iterate());
  const sigma = await alternate(teams, sigmaRuns, ({ layer }) => localLipschitz(layer, x, { rtol: 1e-4 }));
  for (const { runtime } of teams) runtime.dispose();
  return { application, sigma };
}

async function prepare(threads, spec, x) {
  const runtime = await createRuntime({ device: "wasm", threads });
  const layer = runtime.attention(spec);
  const linearization = await layer.linearize(x);
  const space = powerIteration(linearization, x);
  await space.iterate();
  return { runtime, layer, space };
}

async function alternate(teams, runs, run) {
  const times = teams.map(() => ({ wall: [], busy: [] }));
  for (let round = 0; round < runs; round++) {
    for (const [i, team] of teams.entries()) {
      const start = performance.now();
      const busy = busyNow();
      await run(team);
      times[i].wall.push(performance.now() - start);
      times[i].busy.push(busyNow() - busy);
    }
  }
  return times.map(({ wall, busy }) => ({ wall: middle(wall), busy: middle(busy) }));
}
