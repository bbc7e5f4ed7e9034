// `npm run bench:gpu`: WebGPU against WebAssembly in the same run: a linear map's GFLOP/s, one application of JᵀJ and
// seconds to sigma of a GPT-2 layer (d = 768, 12 heads, causal), by n. In Node the GPU comes from test/runtimes; a
// software adapter shows its ratio only, at small n, and says nothing about a real GPU.
import { existsSync } from "node:fs";
import os from "node:os";
import { createRuntime, localLipschitz } from "howsmooth";
import { applicationFlops, gaussianLayer, median, time } from "./layer.mjs";

const PACKAGE = new URL("../test/runtimes/node_modules/webgpu/index.js", import.meta.url);
const SOFTWARE_DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

if (!existsSync(PACKAGE)) throw new Error("run npm --prefix test/runtimes ci first");
if (process.argv.includes("--software")) process.env.VK_ICD_FILENAMES ??= SOFTWARE_DRIVER;
const { create } = await import(PACKAGE.href);
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error("no WebGPU adapter; npm run bench:gpu -- --software takes Chromium's software driver");
const software = adapter.info.isFallbackAdapter;

const runtimes = {
  webgpu: await createRuntime({ device: "webgpu", gpu, allowSoftware: true }),
  wasm: await createRuntime({ device: "wasm" }),
};
console.log(`${runtimes.webgpu.info.adapter}${software ? " (software: only the ratio means anything)" : ""}`);
console.log(`WebAssembly: ${os.cpus()[0].model}, ${runtimes.wasm.info.simd}, one thread\n`);

const sizes = software ? [16, 64] : [256, 1024, 2048, 4096, 8192];
/** WebAssembly takes minutes beyond this. */
const mostOnWasm = 1024;

console.log("linear map 768 → 2304, upload and read-back included: GFLOP/s");
console.log("     n     webgpu       wasm");
for (const n of sizes) {
  const { x, spec } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const weight = { data: new Float32Array(768 * 2304), shape: [768, 2304] };
  for (let at = 0; at < weight.data.length; at++) weight.data[at] = spec.query.weight.data[at % (768 * 768)];
  const speeds = [];
  for (const runtime of Object.values(runtimes)) {
    const linear = runtime.linear({ weight });
    const ms = await median(3, () => linear.forward(x));
    speeds.push((2 * n * 768 * 2304) / ms / 1e6);
    linear.dispose();
  }
  console.log(`${String(n).padStart(6)} ${speeds.map((speed) => speed.toFixed(2).padStart(10)).join(" ")}`);
}

console.log("\nlayer d = 768, 12 heads, causal");
console.log("     n   device   JᵀJ ms   JᵀJ GFLOP/s   sigma: seconds   steps        sigma");
for (const n of sizes) {
  for (const [device, runtime] of Object.entries(runtimes)) {
    if (device === "wasm" && n > mostOnWasm) continue;
    const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const space = await at.krylov({ transposed: false, maxSteps: 1 });
    await space.begin(Float64Array.from(x.data));
    const application = await median(3, () => space.iterate());
    space.dispose();
    at.dispose();
    await localLipschitz(layer, x);
    let found;
    const seconds = (await time(async () => (found = await localLipschitz(layer, x)))) / 1000;
    layer.dispose();
    const speed = applicationFlops({ d: 768, heads: 12, n, causal: true }) / application / 1e6;
    const cells = [
      String(n).padStart(6),
      device.padStart(8),
      application.toFixed(1).padStart(8),
      speed.toFixed(2).padStart(13),
      seconds.toFixed(2).padStart(16),
      String(found.steps).padStart(7),
      found.sigma.toFixed(6).padStart(12),
    ];
    console.log(cells.join(" "));
  }
}
for (const runtime of Object.values(runtimes)) runtime.dispose();
