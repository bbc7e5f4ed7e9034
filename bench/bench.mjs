// `npm run bench`: GEMM against the machine's ceiling, one JᵀJ application against its FLOPs, and seconds to sigma,
// for a GPT-2 layer (d = 768, 12 heads, causal), and what small problems cost. Medians of processor time, which other
// programs on the machine disturb little; ratios are within this run. Under two minutes.
import { readFile } from "node:fs/promises";
import os from "node:os";
import { createRuntime, localLipschitz, spectralNorm } from "howsmooth";
import { ceilingLoop } from "./ceiling.mjs";
import { gemmSpeed, shapes } from "./gemm.mjs";
import { applicationFlops, gaussianLayer, median, powerIteration, processorTime } from "./layer.mjs";
import { sharing } from "./sharing.mjs";
import { smallProblems } from "./small.mjs";
import { threadsGain } from "./threads.mjs";

const runtime = await createRuntime({ device: "wasm" });
const { simd } = runtime.info;
const relaxed = simd === "relaxed";
const kernels = await readFile(new URL(`../build/kernels/f32-${relaxed ? "relaxed" : "simd"}.wasm`, import.meta.url));
console.log(`${os.cpus()[0].model}, ${process.version}, f32, ${simd}, one thread\n`);

console.log("GEMM, GFLOP/s (in brackets: of the ceiling, a register-only multiply-add loop run in turn with it)");
const ceiling = await ceilingLoop(relaxed);
let reference = 0;
for (const shape of shapes) {
  const { kind, m, n, k, aim } = shape;
  const speed = await gemmSpeed(kernels, shape, ceiling);
  if (m === 512) reference = speed.product;
  const both = ["total", "product"].map(
    (what) => `${speed[what].toFixed(1).padStart(5)} (${(speed[what] / speed.ceiling).toFixed(2)})`,
  );
  const label = `${kind}  ${m} × ${k} · ${k} × ${n}`;
  console.log(`${label.padEnd(30)} packing included ${both[0]}   product alone ${both[1]}   aim ${aim.toFixed(2)}`);
}

console.log("\nlayer d = 768, 12 heads, causal");
console.log("   n   forward ms   JᵀJ ms   JᵀJ GFLOP/s   time / its FLOPs at GEMM speed   sigma: seconds   steps");
const layer = runtime.attention(gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1 }).spec);
for (const n of [64, 256, 1024]) {
  const { x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const runs = n === 1024 ? 5 : 15;
  const forward = await median(runs, () => layer.forward(x), processorTime);
  const linearization = await layer.linearize(x);
  const space = powerIteration(linearization, x);
  const application = await median(runs, () => space.iterate(), processorTime);
  space.dispose();
  linearization.dispose();
  const results = [];
  const seconds = await median(
    3,
    async () => results.push(await localLipschitz(layer, x, { rtol: 1e-4 })),
    processorTime,
  );
  const flops = applicationFlops({ d: 768, heads: 12, n, causal: true });
  const speed = flops / application / 1e6;
  console.log(
    `${String(n).padStart(4)}   ${forward.toFixed(2).padStart(10)}   ${application.toFixed(2).padStart(6)}   ${speed.toFixed(1).padStart(11)}   ${(reference / speed).toFixed(2).padStart(30)}   ${(seconds / 1000).toFixed(3).padStart(14)}   ${String(results[0].steps).padStart(5)}`,
  );
}
layer.dispose();
await sharing(runtime);

console.log("\ntwo threads against one, n = 1024   ms, one   ms, two   gain   gain by the main thread's own time");
for (const [what, [one, two]] of Object.entries(await threadsGain())) {
  const gain = (kind) => (Number.isNaN(two[kind]) ? "–" : (one[kind] / two[kind]).toFixed(2));
  console.log(
    `${what.padEnd(33)} ${one.wall.toFixed(0).padStart(9)} ${two.wall.toFixed(0).padStart(9)} ${gain("wall").padStart(6)}   ${gain("busy")}`,
  );
}

const { call, sigma } = await smallProblems(runtime);
console.log(`\na call: ${call.toFixed(1)} µs (jvp of one token, d = 4)`);
for (const { heads, milliseconds, steps } of sigma) {
  console.log(
    `sigma, n = 8, d = 64, ${heads} head${heads > 1 ? "s" : ""}: ${milliseconds.toFixed(2)} ms, ${steps} steps`,
  );
}

if (process.argv.includes("--accuracy")) {
  const { accuracy } = await import("./accuracy.ts");
  await accuracy(runtime, spectralNorm);
} else console.log("\n(`npm run bench -- --accuracy` adds the true error of sigma over the settings of MATH 13.3)");
