// npm run fuzz: mutated models and reports through the loader and the reader of reports, in a process that is watched.
// Case k of a seed is always the same: --seed S --from k --mutations 1 repeats it.
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A case takes a millisecond; the rest is patience with a busy machine. */
const secondsPerCase = 10;
/** MiB; a hundred times what the cases of intact files take. */
const heapLimit = 512;
const shownFindings = 50;

const { seed, from, mutations } = readArguments();
mkdirSync(join(root, "build"), { recursive: true });
const folder = mkdtempSync(join(root, "build", "fuzz-"));
process.once("SIGINT", () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(130);
});
const start = performance.now();
const tally = { accepted: 0, refused: 0, slowest: { milliseconds: 0, index: from }, findings: [] };
try {
  const bundle = await bundleInto(folder);
  const end = from + mutations;
  // A case that hangs or ends its process is skipped over.
  for (let next = from; next < end; ) next = await watch({ bundle, seed, from: next, to: end });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report((performance.now() - start) / 1000);

function readArguments() {
  const { values } = parseArgs({
    options: {
      mutations: { type: "string", default: "40000" },
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

/** Has the cases run by a process of their own; resolves to the first one not done, past one that was its end. */
function watch(range) {
  const current = join(folder, "current");
  writeFileSync(current, String(range.from));
  const task = JSON.stringify({ ...range, root, current });
  const runner = fork(join(root, "fuzz", "run.mjs"), [task], {
    execArgv: [`--max-old-space-size=${heapLimit}`],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  runner.stderr.on("data", (chunk) => {
    complaint += complaint.length < 10_000 ? chunk : "";
  });
  let done = false;
  runner.on("message", (message) => {
    if (message.finding) tally.findings.push(message.finding);
    if (!message.counts) return;
    tally.accepted += message.counts.accepted;
    tally.refused += message.counts.refused;
    if (message.slowest.milliseconds > tally.slowest.milliseconds) tally.slowest = message.slowest;
    done = message.done;
  });

  let hung = false;
  let [seen, since] = ["", performance.now()];
  const timer = setInterval(() => {
    const at = readFileSync(current, "utf8");
    if (at !== seen) [seen, since] = [at, performance.now()];
    else if (performance.now() - since > 1000 * secondsPerCase) hung = runner.kill("SIGKILL");
  }, 500);
  return new Promise((resolve, reject) => {
    runner.on("close", (code, signal) => {
      clearInterval(timer);
      if (done) return resolve(range.to);
      if (code === 2) return reject(new Error(complaint));
      const index = Number(readFileSync(current, "utf8"));
      const death = /FATAL ERROR: .*/.exec(complaint)?.[0] ?? `code ${code}, signal ${signal}: ${complaint}`;
      const message = hung ? `no end after ${secondsPerCase} s` : `ended the process (${death})`;
      tally.findings.push({ index, message });
      resolve(index + 1);
    });
  });
}

function report(seconds) {
  const { accepted, refused, slowest, findings } = tally;
  for (const { index, message } of findings.slice(0, shownFindings)) console.log(`\ncase ${index}: ${message}`);
  if (findings.length > 0) {
    console.log(
      `\nTo repeat one: npm run fuzz -- --seed ${seed} --from CASE --mutations 1; its files are in build/fuzz-findings.`,
    );
  }
  console.log(
    `${mutations} mutations (seed ${seed}) in ${seconds.toFixed(1)} s: ${refused} refused, ${accepted} accepted, ` +
      `the slowest took ${slowest.milliseconds.toFixed(0)} ms (case ${slowest.index}); ${findings.length} findings`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}
