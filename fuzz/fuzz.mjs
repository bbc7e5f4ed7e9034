// npm run fuzz: mutated models and reports through the loader and the reader of reports, in a worker that is watched.
// Case k of a seed is always the same: --seed S --from k --mutations 1 repeats it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A case takes a millisecond; the rest is patience with a busy machine. */
const timeLimit = 10_000;
const heapLimit = 512;
const shownFindings = 50;

if (isMainThread) await main();
else await work(workerData);

async function main() {
  const { seed, from, mutations } = readArguments();
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "fuzz-"));
  const start = performance.now();
  const tally = { accepted: 0, refused: 0, slowest: { milliseconds: 0, index: from }, findings: [] };
  try {
    const bundle = await bundleInto(folder);
    const end = from + mutations;
    // A case that ends its worker is skipped over.
    for (let next = from; next < end; ) next = await watch({ bundle, seed, from: next, to: end }, tally);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report(tally, seed, mutations, (performance.now() - start) / 1000);
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      mutations: { type: "string", default: "60000" },
      seed: { type: "string", default: "0" },
      from: { type: "string", default: "0" },
    },
  });
  const numbers = Object.entries(values).map(([name, text]) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      console.error(`--${name}: expected an integer from 0, got ${JSON.stringify(text)}`);
      process.exit(2);
    }
    return [name, value];
  });
  return Object.fromEntries(numbers);
}

/** The sources as one module that Node can import; the same plugins as the library's own bundle. */
async function bundleInto(folder) {
  const [{ rollup }, { default: configs }] = await Promise.all([import("rollup"), import("../rollup.config.mjs")]);
  const [{ plugins, external }] = configs;
  const bundle = await rollup({ input: { cases: join(root, "fuzz/cases.ts") }, plugins, external, logLevel: "silent" });
  await bundle.write({ dir: folder, format: "es" });
  await bundle.close();
  return pathToFileURL(join(folder, "cases.js")).href;
}

/** Runs a worker over the cases; resolves to the first case not done, past one that hung or ended the worker. */
function watch({ bundle, seed, from, to }, tally) {
  const current = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { bundle, seed, from, to, current },
    resourceLimits: { maxOldGenerationSizeMb: heapLimit },
  });
  return new Promise((resolve, reject) => {
    let seen = -1;
    let since = performance.now();
    const finish = (next) => {
      clearInterval(timer);
      worker.terminate();
      resolve(next);
    };
    const killer = (message) => {
      const index = from + Atomics.load(current, 0);
      tally.findings.push({ index, message });
      finish(index + 1);
    };
    const timer = setInterval(() => {
      const at = Atomics.load(current, 0);
      if (at !== seen) [seen, since] = [at, performance.now()];
      else if (performance.now() - since > timeLimit) killer(`no end after ${timeLimit / 1000} s`);
    }, 250);
    worker.on("message", (message) => {
      if (message.finding) return tally.findings.push(message.finding);
      if (message.failed) return reject(new Error(message.failed));
      tally.accepted += message.accepted;
      tally.refused += message.refused;
      if (message.slowest.milliseconds > tally.slowest.milliseconds) tally.slowest = message.slowest;
      if (message.done) finish(to);
    });
    worker.on("error", (error) => killer(`the process would have ended: ${error.message}`));
  });
}

async function work({ bundle, seed, from, to, current }) {
  // The tokenizers' package warns of every second tokenizer.json.
  console.warn = () => {};
  const { Fuzz } = await import(bundle);
  const fuzz = await Fuzz.open(root).catch((error) => parentPort.postMessage({ failed: error.stack }));
  if (!fuzz) return;
  let tally = { accepted: 0, refused: 0, slowest: { milliseconds: 0, index: from } };
  for (let index = from; index < to; index++) {
    Atomics.store(current, 0, index - from);
    const start = performance.now();
    const item = fuzz.case(seed, index);
    try {
      tally[await item.run()]++;
    } catch (error) {
      keep(seed, index, item.files);
      const frames = String(error?.stack).split("\n").slice(1, 4);
      parentPort.postMessage({ finding: { index, message: `${item.seed}: ${error}\n${frames.join("\n")}` } });
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > tally.slowest.milliseconds) tally.slowest = { milliseconds, index };
    if (index % 1000 === 999) {
      parentPort.postMessage(tally);
      tally = { ...tally, accepted: 0, refused: 0 };
    }
  }
  parentPort.postMessage({ ...tally, done: true });
}

/** The files of a finding, for a regression test. */
function keep(seed, index, files) {
  const folder = join(root, "build", "fuzz-findings", `${seed}-${index}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
}

function report({ accepted, refused, slowest, findings }, seed, mutations, seconds) {
  for (const { index, message } of findings.slice(0, shownFindings)) console.log(`\ncase ${index}: ${message}`);
  if (findings.length > 0) {
    console.log(
      "\nTo repeat one: npm run fuzz -- --seed S --from CASE --mutations 1; its files are in build/fuzz-findings",
    );
  }
  console.log(
    `${mutations} mutations (seed ${seed}) in ${seconds.toFixed(1)} s: ${refused} refused, ${accepted} accepted, ` +
      `the slowest took ${slowest.milliseconds.toFixed(0)} ms (case ${slowest.index}); ${findings.length} findings`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}
