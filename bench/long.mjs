// `npm run bench:long`: what a long sequence takes: three steps of a GPT-2 layer (d = 768, 12 heads, causal, f32) at n up
// to 16,384, each length in a process of its own: its peak memory, processor time per JᵀJ application, and the exponent
// of that in n. The basis of the three steps may take 300 MiB, one side of it at n = 16,384. `--whole` adds a whole
// measurement at the longest length, with the default basis; other lengths may be given.
import { execFileSync } from "node:child_process";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { gaussianLayer, middle } from "./layer.mjs";

const MIB = 2 ** 20;
const script = fileURLToPath(import.meta.url);

/** One measurement in this process; the processor time of a step is that between two reports of progress. */
async function measure(n, maxSteps, basisBudget) {
  const { createRuntime, localLipschitz } = await import("howsmooth");
  const runtime = await createRuntime({ device: "wasm" });
  let { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const layer = runtime.attention(spec);
  spec = undefined;
  const processor = () => process.cpuUsage().user / 1e6;
  const began = processor();
  const steps = [];
  let last = began;
  const onProgress = () => {
    const now = processor();
    steps.push(now - last);
    last = now;
  };
  const found = await localLipschitz(layer, x, { maxSteps, basisBudget, onProgress });
  const [first, ...others] = steps;
  return {
    n,
    steps: found.steps,
    sigma: found.sigma,
    lower: found.lower,
    upper: found.upper,
    message: found.message,
    before: first - middle(others),
    step: middle(others),
    whole: processor() - began,
    peak: (process.resourceUsage().maxRSS * 1024) / MIB,
    simd: runtime.info.simd,
  };
}

/** In a process of its own, because a peak is the process's and never falls. */
function inNewProcess(n, maxSteps, basisBudget) {
  const options = { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
  const output = execFileSync(
    process.execPath,
    [...process.execArgv, script, "--measure", n, maxSteps, basisBudget],
    options,
  );
  const measured = JSON.parse(output);
  const { steps, before, step, whole, peak, sigma, lower, upper } = measured;
  const seconds = [before, step, whole].map((time) => time.toFixed(2).padStart(9)).join(" ");
  const bracket = `${sigma.toFixed(4)} in [${lower.toFixed(4)}, ${upper.toFixed(4)}]`;
  console.log(
    `${String(n).padStart(6)} ${String(steps).padStart(6)} ${seconds} ${peak.toFixed(0).padStart(9)}   ${bracket}`,
  );
  return measured;
}

/** The slope of the least-squares line through log time over log n. */
function exponent(measured) {
  const points = measured.map(({ n, step }) => [Math.log(n), Math.log(step)]);
  const mean = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  let covariance = 0;
  let variance = 0;
  for (const [x, y] of points) {
    covariance += (x - mean[0]) * (y - mean[1]);
    variance += (x - mean[0]) ** 2;
  }
  return covariance / variance;
}

const [flag, ...rest] = process.argv.slice(2);
if (flag === "--measure") {
  console.log(JSON.stringify(await measure(...rest.map(Number))));
} else {
  const given = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
  const lengths = given.length > 0 ? given.map(Number) : [1024, 2048, 4096, 8192, 16384];
  console.log(`${os.cpus()[0].model}, ${process.version}, f32, one thread; seconds of processor time\n`);
  console.log("     n  steps    before  per step     whole  peak MiB   sigma");
  const measured = lengths.map((n) => inNewProcess(n, 3, 300 * MIB));
  if (lengths.length > 1) console.log(`\ntime per step grows as n^${exponent(measured).toFixed(2)}`);
  if (process.argv.includes("--whole")) {
    console.log("\na whole measurement:");
    console.log(inNewProcess(lengths.at(-1), 100, 1024 * MIB).message);
  }
}
