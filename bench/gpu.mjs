// `npm run bench:gpu`: matrix products on the GPU, then WebGPU against WebAssembly in the same run: one application of
// JᵀJ and seconds to sigma of a GPT-2 layer (d = 768, 12 heads, causal), by n. In Node the GPU comes from test/runtimes.
// A software adapter (`-- --software`) shows its ratio only, at small n, and says nothing about a real GPU; `-- --peak
// GFLOPS` prints shares of a GPU's peak.
import { existsSync } from "node:fs";
import os from "node:os";
import { createRuntime, localLipschitz } from "howsmooth";
import { productSpeeds } from "./gpuProducts.mjs";
import { applicationFlops, gaussianLayer, median, powerIteration, time } from "./layer.mjs";

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

const peak = option("--peak");
const shapes = sizes.flatMap((n) => [
  [n, 2304, 768],
  [n, 768, 768],
]);
const device = await adapter.requestDevice();
console.log(
  `matrix products on the GPU: GFLOP/s with 16-byte loads and without${peak ? `, share of ${peak} GFLOP/s` : ""}`,
);
for (const { shape, name, speeds } of await productSpeeds(device, shapes)) {
  const share = peak ? `${((100 * Math.max(...Object.values(speeds))) / peak).toFixed(0).padStart(6)} %` : "";
  const cells = [speeds.wide, speeds.plain].map((speed) => speed.toFixed(2).padStart(10)).join(" ");
  console.log(`${shape.padStart(24)} ${name.padEnd(5)} ${cells}${share}`);
}
device.destroy();

console.log("\nlayer d = 768, 12 heads, causal");
console.log("     n   device   JᵀJ ms   JᵀJ GFLOP/s   sigma: seconds   steps        sigma");
for (const n of sizes) {
  const applications = {};
  for (const [device, runtime] of Object.entries(runtimes)) {
    if (device === "wasm" && n > mostOnWasm) continue;
    const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const space = powerIteration(at, x);
    // After idling, a GPU's clocks make everything several times slower for a while.
    if (!software) await warmUp(300, () => space.iterate());
    const application = await median(3, () => space.iterate());
    applications[device] = application;
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
  const { webgpu, wasm } = applications;
  if (wasm)
    console.log(
      `${String(n).padStart(6)}    an application takes ${(webgpu / wasm).toPrecision(3)} × as long on WebGPU`,
    );
}
for (const runtime of Object.values(runtimes)) runtime.dispose();

/** Runs for that many milliseconds. */
async function warmUp(milliseconds, run) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) await run();
}

function option(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : Number(process.argv[at + 1]);
}
