// `npm run bench:profile`: where the time of a forward and of one JᵀJ application goes, by part of the work, for a
// GPT-2 layer (d = 768, 12 heads, causal). The kernels are compiled with their functions' names and sampled by V8.
import { Session } from "node:inspector/promises";
import { createRuntime } from "howsmooth";
import { readAbi } from "../scripts/abi.mjs";
import { compile } from "./compile.mjs";
import { gaussianLayer, powerIteration, processorTime } from "./layer.mjs";

/** Which part of the work a kernel belongs to; what is not named here is JavaScript. */
const parts = {
  products: ["multiply", "stripTile", "panelTile", "edgeTile", "scoreTiles", "addOverKeys", "addRun", "addOverQueries"],
  softmax: ["softmaxPanel", "softmaxTangent", "makeProbabilities", "maskTile", "allowedLanes"],
  packing: [
    "tokenStrips",
    "channelStrips",
    "channelPanels",
    "tokenPanels",
    "packStripsApart",
    "packStrips",
    "packPanels",
    "unpackPanels",
  ],
  "clear and copy": ["clearGroup", "clear", "scoreTangents", "memory.fill", "memory.copy", "addBias", "rotate"],
  "solver's vectors": ["dot", "scale", "normalize", "distance", "powerStep", "axpy"],
};
const partOf = new Map(Object.entries(parts).flatMap(([part, names]) => names.map((name) => [name, part])));

const probe = await createRuntime({ device: "wasm" });
const relaxed = probe.info.simd === "relaxed";
probe.dispose();
const { hash } = await readAbi();
const kernels = await compile("assembly/index.ts", { relaxed, flags: ["--debug", "--use", `ABI=${hash}`] });
const runtime = await createRuntime({ device: "wasm", kernels });
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: 200 });

/** Milliseconds of processor time a run, and each function's share of the samples. */
async function profile(runs, action) {
  await action();
  await action();
  const start = processorTime();
  await session.post("Profiler.start");
  for (let run = 0; run < runs; run++) await action();
  const { profile: samples } = await session.post("Profiler.stop");
  const milliseconds = (processorTime() - start) / runs;
  const nodes = new Map(samples.nodes.map((node) => [node.id, node.callFrame]));
  const shares = new Map();
  let total = 0;
  for (const id of samples.samples) {
    const { functionName, url } = nodes.get(id);
    if (["(program)", "(idle)", "(root)"].includes(functionName)) continue;
    const name = url.startsWith("wasm") ? functionName.split("/").at(-1) : `${functionName} (JavaScript)`;
    shares.set(name, (shares.get(name) ?? 0) + 1);
    total++;
  }
  for (const [name, count] of shares) shares.set(name, count / total);
  return { milliseconds, shares };
}

function print(title, { milliseconds, shares }) {
  const byPart = new Map();
  for (const [name, share] of shares) {
    const part = name.endsWith("(JavaScript)") ? "JavaScript" : (partOf.get(name) ?? name);
    byPart.set(part, (byPart.get(part) ?? 0) + share);
  }
  const ordered = [...byPart].sort((a, b) => b[1] - a[1]).filter(([, share]) => share >= 0.001);
  console.log(`${title}: ${milliseconds.toFixed(1)} ms`);
  console.log(`   ${ordered.map(([part, share]) => `${part} ${(100 * share).toFixed(1)} %`).join(", ")}`);
  if (!process.argv.includes("--functions")) return;
  for (const [name, share] of [...shares].sort((a, b) => b[1] - a[1])) {
    if (share >= 0.002) console.log(`   ${(100 * share).toFixed(1).padStart(5)} %  ${name}`);
  }
}

for (const n of [64, 256, 1024]) {
  const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n });
  const layer = runtime.attention(spec);
  const runs = Math.max(5, Math.round(20_000 / n));
  print(`n = ${n}, forward`, await profile(runs, () => layer.forward(x)));
  const linearization = await layer.linearize(x);
  const space = powerIteration(linearization, x);
  print(`n = ${n}, JᵀJ`, await profile(runs, () => space.iterate()));
  space.dispose();
  linearization.dispose();
  layer.dispose();
}
runtime.dispose();
session.disconnect();
