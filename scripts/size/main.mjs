// npm run size [--readme]: gzipped bytes and cold starts, as Markdown; with --readme into the README, too.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { markdownTable, writeSection } from "../readme.mjs";
import { bundledBytes, gzipped, loadedBytes } from "./bytes.mjs";
import { coldStarts, programs, runtimes } from "./starts.mjs";

const rounds = 10;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const plain = ["f32-simd", "f32-relaxed", "f64-simd", "f64-relaxed"];
const kernels = [...plain, ...plain.map((name) => `${name}-threads`)];
const binaries = await Promise.all(
  kernels.map(async (name) => [name, gzipped(await readFile(`dist/kernels/${name}.wasm`))]),
);
const core = await bundledBytes('export { createRuntime, localLipschitz } from "howsmooth";');
// As base64 in a module, which is what the default build loads.
const embedded = gzipped(await readFile("src/device/wasm/kernels/f32-simd.ts"));

const sizes = [
  ["`createRuntime` and `localLipschitz`, bundled", core],
  ["… with the f32 kernels: what a first measurement loads", core + embedded],
  ["`howsmooth`, all of it, bundled", await bundledBytes('export * from "howsmooth";')],
  ["`howsmooth` without a bundler, with the f32 kernels and the question for a GPU", await firstLoad()],
  ["`howsmooth/models`, bundled", await bundledBytes('export * from "howsmooth/models";')],
  ["`howsmooth/analysis`, bundled", await bundledBytes('export * from "howsmooth/analysis";')],
  ["`howsmooth/report`, bundled", await bundledBytes('export * from "howsmooth/report";')],
  ...binaries.map(([name, bytes]) => [`kernels ${name}, as .wasm`, bytes]),
  ["`howsmooth.iife.js`, everything in one script", gzipped(await readFile("dist/howsmooth.iife.js"))],
];

let text = markdownTable(
  ["", "gzipped"],
  sizes.map(([what, bytes]) => [what, kilobytes(bytes)]),
);

const peers = existsSync("bench/peers/node_modules");
if (peers) {
  const starts = await coldStarts(rounds);
  const cell = (runtime, program) => {
    const { ms } = starts.find((start) => start.runtime === runtime && start.program === program);
    return ms === undefined ? "–" : `${ms.toFixed(0)} ms`;
  };
  const rows = runtimes.map(({ name }) => [name, ...programs.map((program) => cell(name, program.name))]);
  text += `\n\nFrom the start of the process to the first sigma (64 tokens of 64 features; onnxruntime-web has no derivatives: its first output), median of ${rounds}, on ${cpus().length} × ${cpus()[0].model}:\n\n`;
  text += markdownTable(["", "howsmooth", "jax-js", "onnxruntime-web"], rows);
  for (const { runtime, program, ms } of starts) {
    const ours = starts.find((start) => start.runtime === runtime && start.program === "howsmooth").ms;
    if (program === "howsmooth" || ours < (ms ?? Number.POSITIVE_INFINITY)) continue;
    process.stderr.write(`on ${runtime} ${program} is sooner: ${ms} ms, ours ${ours} ms\n`);
    process.exitCode = 1;
  }
  for (const { runtime, program, failed } of starts) {
    if (failed)
      process.stderr.write(`${program} does not run on ${runtime}: ${failed.match(/\w*Error: .*/)?.[0] ?? failed}\n`);
  }
} else {
  process.stderr.write("cold starts are left out: npm ci --prefix bench/peers\n");
}

process.stdout.write(`${text}\n`);
if (process.argv.includes("--readme")) await writeSection("sizes", text);

async function firstLoad() {
  const choose = (await readdir("dist/chunks")).find((file) => /^choose-.*\.js$/.test(file));
  return (await loadedBytes("dist/index.js")) + gzipped(await readFile(`dist/chunks/${choose}`)) + embedded;
}
