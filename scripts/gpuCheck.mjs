// `npm run check:gpu`: all that a machine with a GPU is worth asking, in one run of some minutes. Whether derivatives are
// right where the card may multiply and add in one rounding (fixtures, offsets, compositions, the device's commands);
// how fast products, JᵀJ and sigma are (bench/gpu.mjs); and, where Python has PyTorch on CUDA, the strongest rival there.
// `-- --software` takes Chromium's software driver: then the figures say nothing, and the rest is what it is anywhere.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gaussianLayer } from "../bench/layer.mjs";

const root = new URL("..", import.meta.url).pathname;
const software = process.argv.includes("--software");
const failed = [];

run("derivatives", process.execPath, [
  "node_modules/vitest/vitest.mjs",
  ...["run", "--config", "vitest.webgpu.config.ts", "--reporter", "dot"],
  ...["attention.test.ts", "offsets.test.ts", "compositions.test.ts"].map((file) => `test/device/${file}`),
  ...["device.test.ts", "products.test.ts", "roundTrips.test.ts"].map((file) => `test/device/webgpu/${file}`),
]);
run("figures", process.execPath, ["bench/gpu.mjs", ...(software ? ["--software"] : [])]);
rival(software ? [16] : [128, 512, 1024, 2048, 4096]);

if (failed.length > 0) {
  console.log(`\nfailed: ${failed.join(", ")}`);
  process.exitCode = 1;
}

function run(what, command, args) {
  console.log(`\n== ${what}`);
  const seconds = performance.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  console.log(`== ${what}: ${((performance.now() - seconds) / 1000).toFixed(0)} s`);
  if (status !== 0) failed.push(what);
}

/** PyTorch, linearised by hand, with Golub–Kahan and our stopping rule, on the layer of the figures. */
function rival(sizes) {
  const has = (code) => spawnSync("python3", ["-c", code]).status === 0;
  if (!has("import torch")) return console.log("\n== rival: left out, python3 has no torch");
  if (!software && !has("import torch, sys; sys.exit(not torch.cuda.is_available())")) {
    return console.log("\n== rival: left out, PyTorch finds no CUDA device");
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), "howsmooth-rival-"));
  const n = Math.max(...sizes);
  const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const arrays = {
    query: spec.query.weight,
    key: spec.key.weight,
    value: spec.value.weight,
    output: spec.output.weight,
    x,
  };
  for (const [name, { data }] of Object.entries(arrays)) {
    writeFileSync(path.join(folder, `${name}.f32`), Buffer.from(Float32Array.from(data).buffer));
  }
  const script = path.join(root, "bench/peers/torch_gpu.py");
  if (!existsSync(script)) throw new Error(`${script} is missing`);
  run("rival", "python3", [script, folder, sizes.join(","), ...(software ? ["cpu"] : [])]);
  rmSync(folder, { recursive: true });
}
