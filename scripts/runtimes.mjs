// node scripts/runtimes.mjs [--readme]: the table of runtimes, made of what the last `npm run test:runtimes` has proven.
import { readdir, readFile } from "node:fs/promises";
import { markdownTable, writeSection } from "./readme.mjs";

const folder = new URL("../build/runtimes/evidence/", import.meta.url);
const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
const proven = await Promise.all(names.map(async (name) => JSON.parse(await readFile(new URL(name, folder), "utf8"))));

const order = [
  "Node",
  "Deno",
  "Bun",
  "workerd",
  "Chromium",
  "Firefox",
  "WebKitGTK",
  "Vite",
  "webpack",
  "esbuild",
  "Rollup",
];
const rank = ({ runtime }) =>
  order.findIndex((name) => runtime.startsWith(name)) * 1000 + Number(runtime.match(/\d+/) ?? 0);
proven.sort((a, b) => rank(a) - rank(b));
const runtimes = new Map(proven.map(({ runtime }) => [runtime, proven.filter((way) => way.runtime === runtime)]));

const simd = { relaxed: "relaxed", simd128: "128-bit" };
const rows = [...runtimes].map(([runtime, ways]) => {
  const wasm = ways.filter(({ device }) => device === "wasm");
  const gpu = ways.find(({ device }) => device === "webgpu");
  return [
    runtime,
    ways[0].version,
    wasm
      .map(({ how }) => how)
      .sort()
      .join(", "),
    [...new Set(wasm.flatMap(({ proofs }) => proofs.map((proof) => simd[proof.simd])))].join(", "),
    gpu ? (gpu.how === "the webgpu package" ? "by the `webgpu` package" : "yes") : "",
  ];
});

const text = markdownTable(["", "version", "proven", "SIMD", "WebGPU"], rows);
process.stdout.write(`${text}\n`);
if (process.argv.includes("--readme")) await writeSection("runtimes", text);
