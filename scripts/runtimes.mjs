// node scripts/runtimes.mjs [--readme]: the table of runtimes, made of what the last `npm run test:runtimes` has proven.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { markdownTable, writeSection } from "./readme.mjs";

const folder = new URL("../build/runtimes/evidence/", import.meta.url);
const servers = ["Node", "Deno", "Bun", "workerd"];
const browsers = ["Chromium", "Firefox", "WebKitGTK"];
const bundlers = ["Vite", "webpack", "esbuild", "Rollup"];
const order = [...servers, ...browsers, ...bundlers];
const simd = { relaxed: "relaxed", simd128: "128-bit" };
const head = ["", "version", "proven", "SIMD", "threads", "WebGPU"];

/** The table's lines: what has been proven where, by which version. */
export async function provenRows() {
  const proven = await readAll("");
  const threaded = new Set((await readAll("threads/")).map(({ runtime }) => runtime));
  const runtimes = [...new Set(proven.map(({ runtime }) => runtime))];
  runtimes.sort((a, b) => rank(a) - rank(b));
  return runtimes.map((runtime) => {
    const ways = proven.filter((way) => way.runtime === runtime);
    const wasm = ways.filter(({ device }) => device === "wasm");
    const gpu = ways.find(({ device }) => device === "webgpu");
    return [
      runtime,
      ways[0].version,
      listed(wasm.map(({ how }) => `✅ ${how}`)),
      listed(wasm.flatMap(({ proofs }) => proofs.map((proof) => simd[proof.simd]))),
      threaded.has(runtime) ? "✅" : "–",
      gpu ? (gpu.how === "the webgpu package" ? "✅ by the `webgpu` package" : "✅") : "–",
    ];
  });
}

function listed(names) {
  return [...new Set(names)].sort().join(", ");
}

async function readAll(path) {
  const names = (await readdir(new URL(path, folder))).filter((name) => name.endsWith(".json"));
  return Promise.all(names.map((name) => readJSON(`${path}${name}`)));
}

async function readJSON(name) {
  return JSON.parse(await readFile(new URL(name, folder), "utf8"));
}

/** Node 20 before Node 24; what is not listed comes last. */
function rank(runtime) {
  const place = order.findIndex((name) => runtime.startsWith(name));
  return (place < 0 ? order.length : place) * 1000 + Number(runtime.match(/\d+/) ?? 0);
}

async function costAtTheEdge() {
  const { tokens, features, milliseconds, megabytes } = await readJSON("costs/edge.json");
  return `[examples/edge](examples/edge/worker.js) in workerd: ${tokens} tokens of ${features} features cost ${milliseconds.toFixed(0)} ms of processor time, and at most ${megabytes.toFixed(0)} MB were resident.`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = `${markdownTable(head, await provenRows())}\n\n${await costAtTheEdge()}`;
  process.stdout.write(`${text}\n`);
  if (process.argv.includes("--readme")) await writeSection("runtimes", text);
}
