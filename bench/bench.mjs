// `npm run bench`: GEMM against the machine's ceiling, one JᵀJ application against its FLOPs, and seconds to sigma,
// for a GPT-2 layer (d = 768, 12 heads, causal). Medians; ratios are within this run. Under two minutes.
import { readFile } from "node:fs/promises";
import os from "node:os";
import { createRuntime, localLipschitz, spectralNorm } from "howsmooth";
import { ceilingSpeed } from "./ceiling.mjs";
import { gemmSpeed } from "./gemm.mjs";
import { applicationFlops, gaussianLayer, median } from "./layer.mjs";

const runtime = await createRuntime({ device: "wasm" });
const { simd } = runtime.info;
const relaxed = simd === "relaxed";
const kernels = await readFile(new URL(`../build/kernels/f32-${relaxed ? "relaxed" : "simd"}.wasm`, import.meta.url));
console.log(`${os.cpus()[0].model}, ${process.version}, f32, ${simd}, one thread\n`);

const top = await ceilingSpeed(relaxed);
console.log(`ceiling (register-only multiply-add): ${top.toFixed(1)} GFLOP/s\n`);

console.log("GEMM, packing included             GFLOP/s   of the ceiling");
const shapes = [
  ["A·B", 256, 256, 256],
  ["A·B", 512, 512, 512],
  ["A·B", 1024, 1024, 1024],
  ["A·Bᵀ", 1024, 1024, 64],
  ["A·B", 1024, 64, 1024],
  ["Aᵀ·B", 1024, 64, 1024],
  ["A·B", 1024, 2304, 768],
  ["A·B", 1021, 1019, 67],
];
let reference = 0;
for (const [kind, m, n, k] of shapes) {
  const { total, product } = await gemmSpeed(kernels, kind, m, n, k);
  if (m === 512) reference = product;
  const label = `${kind}  ${m} × ${k} · ${k} × ${n}`;
  console.log(
    `${label.padEnd(32)} ${total.toFixed(1).padStart(8)}   ${(total / top).toFixed(2)}   (product alone ${product.toFixed(1)})`,
  );
}

console.log("\nlayer d = 768, 12 heads, causal");
console.log("   n   forward ms   JᵀJ ms   JᵀJ GFLOP/s   time / its FLOPs at GEMM speed   sigma: seconds   steps");
const layer = runtime.attention(gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1 }).spec);
for (const n of [64, 256, 1024]) {
  const { x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const runs = n === 1024 ? 5 : 15;
  const forward = await median(runs, () => layer.forward(x));
  const linearization = await layer.linearize(x);
  const space = await linearization.krylov({ transposed: false, maxSteps: 1 });
  await space.begin(Float64Array.from(x.data));
  const application = await median(runs, () => space.iterate());
  space.dispose();
  linearization.dispose();
  const results = [];
  const seconds = await median(3, async () => results.push(await localLipschitz(layer, x, { rtol: 1e-4 })));
  const flops = applicationFlops({ d: 768, heads: 12, n, causal: true });
  const speed = flops / application / 1e6;
  console.log(
    `${String(n).padStart(4)}   ${forward.toFixed(2).padStart(10)}   ${application.toFixed(2).padStart(6)}   ${speed.toFixed(1).padStart(11)}   ${(reference / speed).toFixed(2).padStart(30)}   ${(seconds / 1000).toFixed(3).padStart(14)}   ${String(results[0].steps).padStart(5)}`,
  );
}
layer.dispose();

if (process.argv.includes("--accuracy")) {
  const { accuracy } = await import("./accuracy.mjs");
  await accuracy(runtime, spectralNorm);
} else console.log("\n(`npm run bench -- --accuracy` adds the true error of sigma over the settings of MATH 13.3)");
